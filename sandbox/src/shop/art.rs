//! Product pictures: one drawing a department, coloured by variant. They are served by the shop itself; nothing comes from outside.

use super::catalogue::{Department, Product};

/// The paint of a colour name.
pub(crate) fn paint(colour: &str) -> &'static str {
    match colour {
        "Forest" => "#2f5d4a",
        "Navy" => "#2b3f63",
        "Rust" => "#b4552d",
        "Sand" => "#cbb089",
        "Black" => "#2e2f31",
        "Teal" => "#2f7f86",
        "Olive" => "#6b6b3a",
        "Oat" => "#d9cdb8",
        "Brown" => "#7a4f32",
        "Grey" => "#7d8589",
        "White" => "#f4f2ec",
        _ => "#9aa7a0",
    }
}

/// How close the picture is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View {
    Front,
    Close,
    Scene,
}

impl View {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "close" => Self::Close,
            "scene" => Self::Scene,
            _ => Self::Front,
        }
    }
}

/// The picture of a product as SVG.
pub(crate) fn picture(product: &Product, colour: &str, view: View) -> String {
    let colour = if product.colours.contains(&colour) { colour } else { product.colours.first().copied().unwrap_or("") };
    let main = paint(colour);
    let tints = ["#eef1ea", "#f3ece1", "#e8eef0", "#f0eaea", "#ecefe4"];
    let tint = tints[product.name.len() % tints.len()];
    let view_box = match view {
        View::Close => "110 90 190 190",
        _ => "0 0 400 400",
    };
    let scene = match view {
        View::Scene => {
            "<circle cx='310' cy='90' r='34' fill='#f4c98b'/><path d='M0 300 L90 170 L150 240 L230 130 L400 320 V400 H0Z' fill='#b9c8bd'/><path d='M0 340 Q120 290 220 330 T400 320 V400 H0Z' fill='#8ea696'/>"
        }
        _ => "<ellipse cx='200' cy='338' rx='118' ry='14' fill='#000' opacity='.08'/>",
    };
    let big = product.name.ends_with("XL")
        || product.name.ends_with("Pro")
        || product.name.ends_with("Set")
        || product.name.ends_with("Max")
        || product.name.ends_with("Plus");
    let small =
        product.name.ends_with("Lite") || product.name.ends_with("Mini") || product.name.ends_with("Slim") || product.name.contains("Solo");
    let scale = if big {
        1.12
    } else if small {
        0.84
    } else {
        1.0
    };
    let drawing = drawing(product, main);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='{view_box}'><rect width='400' height='400' fill='{tint}'/>{scene}<g transform='translate(200 215) scale({scale}) translate(-200 -215)'>{drawing}</g></svg>"
    )
}

fn drawing(product: &Product, main: &str) -> String {
    let dark = "#00000026";
    let line = "stroke='#1d2a26' stroke-opacity='.55' stroke-width='3' stroke-linejoin='round' stroke-linecap='round'";
    match product.department {
        Department::Jackets => {
            let hood = if product.name.contains("Vest") || product.name.contains("Waxed") {
                ""
            } else {
                "<path d='M160 118 Q200 70 240 118 L228 140 H172Z' fill='#00000033'/>"
            };
            let sleeves = if product.name.contains("Vest") {
                String::new()
            } else {
                format!(
                    "<path d='M150 128 L100 176 L84 300 L118 306 L138 214Z M250 128 L300 176 L316 300 L282 306 L262 214Z' fill='{main}' {line}/>"
                )
            };
            let zip = if product.name.contains("Hoodie") {
                "<path d='M200 132 V182' stroke='#f4f2ec' stroke-width='4'/>"
            } else {
                "<path d='M200 132 V326' stroke='#f4f2ec' stroke-width='4' stroke-dasharray='6 4'/>"
            };
            let quilting = if product.name.contains("Down") {
                "<path d='M136 180 H264 M136 216 H264 M136 252 H264 M136 288 H264' stroke='#00000033' stroke-width='3'/>"
            } else {
                "<path d='M150 250 l28 -8 v34 h-28z M250 250 l-28 -8 v34 h28z' fill='#00000026'/>"
            };
            format!(
                "{sleeves}<path d='M150 126 Q200 152 250 126 L268 200 L264 328 H136 L132 200Z' fill='{main}' {line}/>{hood}{quilting}{zip}"
            )
        }
        Department::Boots => {
            let shaft = if product.name.contains("Shoe") {
                210
            } else if product.name.contains("Wellington") {
                90
            } else if product.name.contains("Mid") || product.name.contains("Alpine") {
                122
            } else {
                142
            };
            let laces = if product.name.contains("Chelsea") || product.name.contains("Wellington") || product.name.contains("Slipper") {
                "<path d='M170 190 q14 26 8 56' stroke='#00000059' stroke-width='12' fill='none'/>".to_owned()
            } else {
                "<path d='M208 216 l26 12 M206 236 l34 12 M214 256 l36 8' stroke='#f4f2ec' stroke-width='6' stroke-linecap='round'/>"
                    .to_owned()
            };
            format!(
                "<path d='M140 {shaft} H214 V222 Q244 246 296 258 Q322 266 322 304 H132 Q128 240 140 {shaft}Z' fill='{main}' {line}/><path d='M128 304 H326 V326 Q326 332 318 332 H136 Q128 332 128 326Z' fill='#3b352e' {line}/><path d='M140 {shaft} H214 v14 H139Z' fill='{dark}'/>{laces}"
            )
        }
        Department::Tents => {
            if product.name.contains("Tarp") {
                format!(
                    "<path d='M60 220 L200 120 L340 220 L310 240 L200 160 L90 240Z' fill='{main}' {line}/><path d='M200 120 V326 M60 220 L40 330 M340 220 L360 330' {line} fill='none'/>"
                )
            } else if product.name.contains("Family") {
                format!(
                    "<path d='M52 326 Q60 160 200 150 Q340 160 348 326Z' fill='{main}' {line}/><path d='M150 326 Q154 222 200 214 Q246 222 250 326Z' fill='#00000040'/><path d='M200 150 Q120 190 104 326 M200 150 Q280 190 296 326' {line} fill='none'/><rect x='84' y='250' width='40' height='34' rx='6' fill='#ffffff66'/><rect x='276' y='250' width='40' height='34' rx='6' fill='#ffffff66'/>"
                )
            } else {
                format!(
                    "<path d='M56 326 L200 130 L344 326Z' fill='{main}' {line}/><path d='M200 130 L150 326 H250Z' fill='#00000040'/><path d='M200 130 L176 326 H200Z' fill='#ffffff40'/><path d='M200 130 L212 112 M56 326 L34 340 M344 326 L366 340' {line}/>"
                )
            }
        }
        Department::MugsAndBottles => {
            if product.name.contains("Bottle") || product.name.contains("Flask") || product.name.contains("Tumbler") {
                let cap = if product.name.contains("Flask") {
                    "<path d='M164 84 H236 V132 H164Z' fill='#3d4542'/>"
                } else {
                    "<path d='M176 92 H224 V128 H176Z' fill='#3d4542'/><path d='M186 92 Q200 70 214 92' fill='none' stroke='#3d4542' stroke-width='7'/>"
                };
                format!(
                    "{cap}<path d='M168 130 H232 Q258 148 258 180 V312 Q258 330 240 330 H160 Q142 330 142 312 V180 Q142 148 168 130Z' fill='{main}' {line}/><path d='M164 186 V306' stroke='#ffffff73' stroke-width='9' stroke-linecap='round'/><path d='M200 226 l20 34 h-40z M200 208 l14 24 h-28z' fill='#ffffffb3'/>"
                )
            } else {
                let speckle = if product.name.contains("Enamel") {
                    "<path d='M130 160 H262' stroke='#2e2f31' stroke-width='7'/><circle cx='160' cy='220' r='3'/><circle cx='190' cy='276' r='3'/><circle cx='226' cy='200' r='3'/><circle cx='240' cy='290' r='3'/>"
                } else {
                    "<path d='M196 214 l22 38 h-44z M196 194 l16 28 h-32z' fill='#ffffffb3'/>"
                };
                format!(
                    "<path d='M262 190 Q324 186 318 246 Q314 290 258 288' fill='none' stroke='#1d2a26' stroke-opacity='.45' stroke-width='24'/><path d='M262 190 Q324 186 318 246 Q314 290 258 288' fill='none' stroke='{main}' stroke-width='19'/><path d='M130 160 H262 V306 Q262 330 238 330 H154 Q130 330 130 306Z' fill='{main}' {line}/>{speckle}<path d='M150 182 V300' stroke='#ffffff59' stroke-width='9' stroke-linecap='round'/><path d='M168 136 q-12 -16 0 -30 M200 136 q-12 -16 0 -30 M232 136 q-12 -16 0 -30' fill='none' stroke='#1d2a2633' stroke-width='5' stroke-linecap='round'/>"
                )
            }
        }
        Department::Lamps => {
            let glow = "<circle cx='200' cy='190' r='96' fill='#ffd98a' opacity='.35'/>";
            if product.name.contains("Headlamp") {
                format!(
                    "{glow}<path d='M70 210 Q200 120 330 210 L326 250 Q200 166 74 250Z' fill='{main}' {line}/><rect x='156' y='166' width='88' height='76' rx='22' fill='#3d4542' {line}/><circle cx='200' cy='204' r='26' fill='#ffe9b0'/>"
                )
            } else if product.name.contains("Lantern") {
                format!(
                    "{glow}<path d='M150 150 Q200 60 250 150' fill='none' stroke='#3d4542' stroke-width='8'/><rect x='146' y='140' width='108' height='34' rx='10' fill='{main}' {line}/><rect x='154' y='174' width='92' height='100' fill='#ffe9b0' {line}/><path d='M184 174 V274 M216 174 V274' stroke='#1d2a2640' stroke-width='4'/><rect x='138' y='272' width='124' height='54' rx='12' fill='{main}' {line}/>"
                )
            } else if product.name.contains("String") {
                format!(
                    "<path d='M40 130 Q120 230 200 160 T360 170' fill='none' {line}/>{}",
                    [(80, 182), (130, 200), (180, 180), (230, 150), (280, 152), (326, 166)]
                        .iter()
                        .map(|(x, y)| format!(
                            "<circle cx='{x}' cy='{}' r='30' fill='#ffd98a' opacity='.4'/><circle cx='{x}' cy='{}' r='12' fill='#ffd27a'/>",
                            y + 18,
                            y + 18
                        ))
                        .collect::<String>()
                )
            } else if product.name.contains("Reading") {
                format!(
                    "{glow}<path d='M150 326 L130 220 L230 150' fill='none' stroke='#b98a57' stroke-width='12' stroke-linejoin='round'/><path d='M214 118 L280 150 L262 214 L190 178Z' fill='{main}' {line}/><ellipse cx='156' cy='328' rx='60' ry='12' fill='#b98a57' {line}/>"
                )
            } else {
                let foot = if product.name.contains("Floor") {
                    "<path d='M200 180 L140 332 M200 180 L260 332 M200 180 V332' stroke='#b98a57' stroke-width='9' stroke-linecap='round'/>"
                } else {
                    "<path d='M182 200 H218 L236 318 Q236 330 224 330 H176 Q164 330 164 318Z' fill='#b98a57'/>"
                };
                format!(
                    "{glow}{foot}<path d='M160 90 H240 L276 206 H124Z' fill='{main}' {line}/><path d='M150 190 L172 100' stroke='#ffffff59' stroke-width='8' stroke-linecap='round'/>"
                )
            }
        }
    }
}
