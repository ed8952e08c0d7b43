//! What Juniper & Pine sells. Names, variants and descriptions are written by hand, with near-misses on purpose ("Trail Mug",
//! "Trail Mug XL"); prices, ratings and what is sold out follow from the seed.

use crate::seeded;
use serde::Serialize;

/// A department of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Department {
    Jackets,
    Boots,
    Tents,
    MugsAndBottles,
    Lamps,
}

impl Department {
    pub(crate) const ALL: [Self; 5] = [Self::Jackets, Self::Boots, Self::Tents, Self::MugsAndBottles, Self::Lamps];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jackets => "Jackets",
            Self::Boots => "Boots",
            Self::Tents => "Tents",
            Self::MugsAndBottles => "Mugs & Bottles",
            Self::Lamps => "Lamps",
        }
    }

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Jackets => "jackets",
            Self::Boots => "boots",
            Self::Tents => "tents",
            Self::MugsAndBottles => "mugs-bottles",
            Self::Lamps => "lamps",
        }
    }

    pub(crate) fn blurb(self) -> &'static str {
        match self {
            Self::Jackets => "Layers for sideways rain, frosty mornings and everything between.",
            Self::Boots => "From the pavement to the pass: boots that are broken in before you are.",
            Self::Tents => "A dry night's sleep, whether you are one or a whole noisy family.",
            Self::MugsAndBottles => "For the first coffee of the day and the last tea by the fire.",
            Self::Lamps => "Warm light for the porch, the tent and the long evenings at home.",
        }
    }

    fn materials(self) -> &'static [&'static str] {
        match self {
            Self::Jackets => &["Recycled polyester shell", "Bluesign-approved dye", "Two-way zip, YKK", "Machine wash at 30 °C"],
            Self::Boots => {
                &["Full-grain leather upper", "Vibram-type rubber sole", "Removable wool insole", "Can be resoled in our workshop"]
            }
            Self::Tents => &["20D ripstop fly, 2000 mm", "DAC aluminium poles", "Pitches in under six minutes", "Repair kit in the bag"],
            Self::MugsAndBottles => &["Food-safe and BPA-free", "Dishwasher safe", "Fits most cup holders", "Two-year guarantee"],
            Self::Lamps => &["Warm white, 2700 K", "Dimmable in three steps", "Replaceable LED module", "Two-metre fabric cable or USB-C"],
        }
    }
}

/// What a customer wrote.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Review {
    pub(crate) author: &'static str,
    pub(crate) stars: i64,
    pub(crate) text: &'static str,
}

/// A product with its variant axes; an axis without values does not exist.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) slug: String,
    pub(crate) name: &'static str,
    pub(crate) department: Department,
    pub(crate) blurb: &'static str,
    pub(crate) price_cents: i64,
    pub(crate) rating_tenths: i64,
    pub(crate) review_count: u64,
    pub(crate) colours: &'static [&'static str],
    pub(crate) sizes: &'static [&'static str],
    pub(crate) sold_out: Vec<(&'static str, &'static str)>,
    pub(crate) reviews: Vec<Review>,
}

impl Product {
    /// Every variant as (colour, size); `""` where the axis does not exist.
    pub(crate) fn variants(&self) -> Vec<(&'static str, &'static str)> {
        axis(self.colours).iter().flat_map(|colour| axis(self.sizes).iter().map(move |size| (*colour, *size))).collect()
    }

    pub(crate) fn is_sold_out(&self, colour: &str, size: &str) -> bool {
        self.sold_out.iter().any(|(c, s)| *c == colour && *s == size)
    }

    pub(crate) fn in_stock(&self) -> Vec<(&'static str, &'static str)> {
        self.variants().into_iter().filter(|(colour, size)| !self.is_sold_out(colour, size)).collect()
    }

    pub(crate) fn features(&self) -> &'static [&'static str] {
        self.department.materials()
    }
}

fn axis(values: &'static [&'static str]) -> &'static [&'static str] {
    if values.is_empty() { &[""] } else { values }
}

/// All products of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(crate) products: Vec<Product>,
}

const CLOTHES: &[&str] = &["S", "M", "L", "XL"];
const FEET: &[&str] = &["39", "40", "41", "42", "43", "44"];
const NONE: &[&str] = &[];

type Row = (Department, &'static str, i64, &'static [&'static str], &'static [&'static str], &'static str);

/// Department, name, price in dollars around which the seed moves, colours, sizes, description.
const ROWS: &[Row] = {
    use Department::*;
    &[
        (
            Jackets,
            "Alder Rain Jacket",
            129,
            &["Forest", "Navy", "Rust"],
            CLOTHES,
            "A three-layer rain jacket with a hood that turns with your head and pockets you can reach under a rucksack.",
        ),
        (
            Jackets,
            "Alder Rain Shell",
            99,
            &["Forest", "Navy", "Sand"],
            CLOTHES,
            "The lighter sister of the Alder Rain Jacket: packs into its own pocket and weighs less than an apple and a half.",
        ),
        (
            Jackets,
            "Fjell Down Jacket",
            219,
            &["Black", "Navy", "Rust"],
            CLOTHES,
            "Responsibly sourced 700-fill down for still, cold days. Warm enough that you will stay for the stars.",
        ),
        (
            Jackets,
            "Fjell Down Vest",
            139,
            &["Black", "Rust"],
            CLOTHES,
            "The core of the Fjell without the sleeves, for moving fast in the cold.",
        ),
        (
            Jackets,
            "Harrier Windbreaker",
            79,
            &["Sand", "Black", "Teal"],
            CLOTHES,
            "A wind-proof layer for ridges and bike rides, with a dropped hem and reflective piping.",
        ),
        (
            Jackets,
            "Harrier Windbreaker Lite",
            69,
            &["Sand", "Teal"],
            CLOTHES,
            "Sixty-eight grams of wind shelter. You forget that it is in your bag until you need it.",
        ),
        (
            Jackets,
            "Moor Waxed Jacket",
            189,
            &["Olive", "Black"],
            CLOTHES,
            "British millerain cotton, waxed by hand, with a checked lining and a corduroy collar.",
        ),
        (
            Jackets,
            "Tarn Fleece Jacket",
            85,
            &["Oat", "Forest", "Navy"],
            CLOTHES,
            "High-pile fleece with a full zip. Soft as the sheep that had nothing to do with it.",
        ),
        (
            Jackets,
            "Tarn Fleece Hoodie",
            75,
            &["Oat", "Forest"],
            CLOTHES,
            "The Tarn as a pullover, with a kangaroo pocket and a hood that fits under a helmet.",
        ),
        (
            Boots,
            "Ridge Hiker",
            149,
            &["Brown", "Grey"],
            FEET,
            "Our all-round walking boot: supportive, quiet, and comfortable out of the box.",
        ),
        (Boots, "Ridge Hiker Mid", 159, &["Brown", "Grey"], FEET, "The Ridge Hiker with a higher ankle for loaded days on uneven ground."),
        (
            Boots,
            "Cairn Trail Boot",
            119,
            &["Olive", "Black"],
            FEET,
            "A light trail boot with a rock plate and a lugged sole that sheds mud.",
        ),
        (
            Boots,
            "Cairn Trail Shoe",
            105,
            &["Olive", "Black", "Teal"],
            FEET,
            "Low-cut and quick to dry, for forest paths and long summer days.",
        ),
        (Boots, "Bramble Chelsea Boot", 135, &["Brown", "Black"], FEET, "A pull-on leather boot for wet gardens and dry pubs."),
        (
            Boots,
            "Summit Alpine Boot",
            249,
            &["Grey", "Rust"],
            FEET,
            "Stiff enough for crampons, warm enough for glaciers, and built to be resoled.",
        ),
        (
            Boots,
            "Summit Alpine Boot Pro",
            289,
            &["Grey", "Rust"],
            FEET,
            "The Summit with a carbon shank and an integrated gaiter for winter routes.",
        ),
        (Boots, "Fen Wellington", 65, &["Forest", "Navy"], FEET, "Natural rubber, cotton lined, with a sole that grips on wet planks."),
        (Boots, "Loft Slipper Boot", 55, &["Oat", "Grey"], FEET, "A felted wool boot for cabins, kitchens and Sundays."),
        (Tents, "Lapwing Solo Tent", 199, &["Forest", "Sand"], NONE, "One person, one kilo, one porch big enough for a stove."),
        (Tents, "Lapwing Duo Tent", 259, &["Forest", "Sand"], NONE, "Two doors and two porches, so that nobody climbs over anybody."),
        (Tents, "Lapwing Trio Tent", 319, &["Forest", "Sand"], NONE, "Three mats side by side and still under three kilos."),
        (Tents, "Basecamp Family Tent", 449, &["Sand", "Navy"], NONE, "A living room and two bedrooms; tall enough to stand up in."),
        (
            Tents,
            "Basecamp Family Tent XL",
            549,
            &["Sand", "Navy"],
            NONE,
            "The Basecamp with a third bedroom and a front that opens into a veranda.",
        ),
        (
            Tents,
            "Drift Ultralight Tent",
            379,
            &["Grey", "Teal"],
            NONE,
            "A trekking-pole tent for people who count grams and still like to sleep.",
        ),
        (
            Tents,
            "Drift Ultralight Tent Plus",
            419,
            &["Grey", "Teal"],
            NONE,
            "The Drift with an extra foot of length and a stronger ridge line.",
        ),
        (Tents, "Larch Tarp Shelter", 89, &["Olive", "Rust"], NONE, "Three by three metres of shelter with sixteen ways to pitch it."),
        (
            MugsAndBottles,
            "Trail Mug",
            18,
            NONE,
            NONE,
            "The mug that started it all: 350 ml, double-walled steel, a handle that folds away.",
        ),
        (MugsAndBottles, "Trail Mug XL", 22, NONE, NONE, "The Trail Mug for people who mean it: 550 ml and a lid that does not drip."),
        (
            MugsAndBottles,
            "Enamel Camp Mug",
            14,
            &["White", "Forest", "Navy"],
            NONE,
            "Enamelled steel with a speckle, as good on the fire as on the desk.",
        ),
        (
            MugsAndBottles,
            "Enamel Camp Mug Set",
            48,
            &["White", "Forest"],
            NONE,
            "Four Enamel Camp Mugs in a cotton bag; a small housewarming present.",
        ),
        (
            MugsAndBottles,
            "Hearth Stoneware Mug",
            24,
            &["Oat", "Rust", "Teal"],
            NONE,
            "Thrown and glazed in a small pottery; no two are quite alike.",
        ),
        (
            MugsAndBottles,
            "Creek Water Bottle",
            28,
            &["Teal", "Black", "Sand"],
            &["500 ml", "750 ml", "1 l"],
            "An insulated bottle that keeps a stream cold until the summit.",
        ),
        (
            MugsAndBottles,
            "Creek Water Bottle Slim",
            26,
            &["Teal", "Black"],
            &["350 ml", "500 ml"],
            "The Creek for small bags and bicycle cages.",
        ),
        (
            MugsAndBottles,
            "Thermo Flask",
            34,
            &["Olive", "Grey"],
            &["500 ml", "1 l"],
            "Tea at six in the morning that is still tea at six in the evening.",
        ),
        (
            MugsAndBottles,
            "Thermo Flask Pro",
            44,
            &["Olive", "Grey"],
            &["500 ml", "1 l"],
            "The Thermo Flask with a one-hand spout and a second cup.",
        ),
        (
            MugsAndBottles,
            "Commuter Tumbler",
            25,
            &["Black", "Oat", "Rust"],
            NONE,
            "A leak-free tumbler for trams, trains and standing in doorways.",
        ),
        (
            Lamps,
            "Glow Camp Lantern",
            39,
            &["Sand", "Forest"],
            NONE,
            "A rechargeable lantern with eighty hours of light and a handle that hangs anywhere.",
        ),
        (Lamps, "Glow Camp Lantern Mini", 25, &["Sand", "Forest"], NONE, "The Glow for a coat pocket: twenty hours, a magnet and a hook."),
        (Lamps, "Ember Table Lamp", 79, &["Black", "Oat"], NONE, "A linen shade on an ash foot, with a dimmer in the cable."),
        (Lamps, "Ember Floor Lamp", 149, &["Black", "Oat"], NONE, "The Ember on a tall ash tripod, for the chair where you read."),
        (
            Lamps,
            "Pine Reading Lamp",
            89,
            &["White", "Black"],
            NONE,
            "A jointed arm of solid pine and a shade that turns all the way round.",
        ),
        (
            Lamps,
            "Beacon Headlamp",
            45,
            &["Black", "Rust"],
            NONE,
            "Three hundred lumens, a red mode for maps and a battery that charges by USB-C.",
        ),
        (Lamps, "Beacon Headlamp Max", 69, &["Black", "Rust"], NONE, "Six hundred lumens and a second battery for long nights out."),
        (Lamps, "Firefly String Lights", 29, NONE, NONE, "Five metres of warm light for a tent, a tree or a balcony."),
        (Lamps, "Dusk Bedside Lamp", 59, &["Oat", "Teal"], NONE, "A small ceramic lamp that fades out over twenty minutes."),
    ]
};

const VOICES: &[(&str, i64, &str)] = &[
    ("Marit H.", 5, "Exactly as described. I have used it every week since it arrived and it still looks new."),
    ("Tom B.", 4, "Well made and good value. One star off because the parcel took six days."),
    ("Asha P.", 5, "Bought one for myself and then a second one for my sister. That says it all."),
    ("Gregor L.", 3, "Decent, but runs a little smaller than I expected. The exchange was painless."),
    ("Naomi F.", 5, "Sturdy, handsome and comes in almost no packaging. More of this, please."),
    ("Will S.", 4, "Does what it should. The colour is a touch darker than in the picture."),
    ("Ines C.", 2, "Mine had a loose seam. Customer service replaced it within two days, so no hard feelings."),
    ("Piotr W.", 5, "Three winters in and not a scratch. I would buy it again tomorrow."),
];

impl Catalogue {
    /// The catalogue of a seed. In every department the cheapest and the best rated product are unique.
    pub(crate) fn of(seed: u64) -> Self {
        let mut products: Vec<Product> = ROWS.iter().map(|row| product(seed, row)).collect();
        for department in Department::ALL {
            make_unique(&mut products, department);
        }
        Self { products }
    }

    pub(crate) fn by_slug(&self, slug: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.slug == slug)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name.eq_ignore_ascii_case(name.trim()))
    }

    pub(crate) fn cheapest(&self, department: Department) -> Option<&Product> {
        self.products.iter().filter(|p| p.department == department).min_by_key(|p| p.price_cents)
    }

    pub(crate) fn best_rated(&self, department: Department) -> Option<&Product> {
        self.products.iter().filter(|p| p.department == department).max_by_key(|p| p.rating_tenths)
    }
}

fn product(seed: u64, row: &Row) -> Product {
    let &(department, name, dollars, colours, sizes, blurb) = row;
    let slug = name.to_ascii_lowercase().replace(' ', "-");
    let price_step = if dollars < 60 { 50 } else { 100 };
    let price_cents = dollars * 100 + (seeded::below(seed, &["price", name], 9) as i64 - 4) * price_step;
    let mut product = Product {
        name,
        department,
        blurb,
        price_cents,
        rating_tenths: 34 + seeded::below(seed, &["rating", name], 14) as i64,
        review_count: 12 + seeded::below(seed, &["reviews", name], 380),
        colours,
        sizes,
        sold_out: Vec::new(),
        reviews: Vec::new(),
        slug,
    };
    let variants = product.variants();
    if variants.len() > 1 {
        let mut sold_out: Vec<_> = variants.into_iter().filter(|(c, s)| seeded::chance(seed, &["sold out", name, c, s], 14)).collect();
        if sold_out.len() == product.variants().len() {
            sold_out.pop();
        }
        product.sold_out = sold_out;
    }
    let first = seeded::below(seed, &["voices", name], VOICES.len() as u64) as usize;
    product.reviews =
        (0..3).map(|i| VOICES[(first + i * 3) % VOICES.len()]).map(|(author, stars, text)| Review { author, stars, text }).collect();
    product
}

/// Lowers the lowest price and lifts the highest rating until each stands alone, so that "the cheapest" has one answer.
fn make_unique(products: &mut [Product], department: Department) {
    let of_department = |p: &&mut Product| p.department == department;
    if let Some(cheapest) = products.iter_mut().filter(of_department).min_by_key(|p| p.price_cents) {
        cheapest.price_cents -= 50;
    }
    if let Some(best) = products.iter_mut().filter(of_department).max_by_key(|p| p.rating_tenths) {
        best.rating_tenths += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn for_any_seed_superlatives_have_one_answer_and_everything_can_be_bought() {
        for seed in 0..40 {
            let catalogue = Catalogue::of(seed);
            for department in Department::ALL {
                let of: Vec<_> = catalogue.products.iter().filter(|p| p.department == department).collect();
                let cheapest = catalogue.cheapest(department).unwrap().price_cents;
                let best = catalogue.best_rated(department).unwrap().rating_tenths;
                assert_eq!(of.iter().filter(|p| p.price_cents == cheapest).count(), 1);
                assert_eq!(of.iter().filter(|p| p.rating_tenths == best).count(), 1);
                assert!(best <= 50);
            }
            assert!(catalogue.products.iter().all(|p| !p.in_stock().is_empty()));
        }
    }
}
