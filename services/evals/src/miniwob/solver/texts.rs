//! Words that are read at one place and written at another.

use super::super::hands::{Hands, Played, stuck};
use super::{caught, ordinal, quoted as in_quotes, read};
use wayfarer_core::{Action, Mark};

pub(super) async fn quoted(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let Some(text) = in_quotes(&instruction).pop() else { return stuck("no text is told") };
    let text = match () {
        () if instruction.contains("lower case") => text.to_lowercase(),
        () if instruction.contains("upper case") => text.to_uppercase(),
        () => text,
    };
    for field in hands.fields() {
        hands.fill(&field, &text).await?;
    }
    hands.submit().await
}

pub(super) async fn date(hands: &mut Hands) -> Played {
    let words = read(r"Enter (\d+)/(\d+)/(\d+)", &hands.instruction.clone())?;
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    let text = match field.input_type.as_str() {
        // as docs/actions.md tells: fields of dates take the form that machines read
        "date" => format!("{}-{}-{}", words[2], words[0], words[1]),
        _ => format!("{}/{}/{}", words[0], words[1], words[2]),
    };
    hands.fill(&field, &text).await?;
    hands.submit().await
}

pub(super) async fn time(hands: &mut Hands) -> Played {
    let words = read(r"Enter (\d+):(\d+) (AM|PM)", &hands.instruction.clone())?;
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    let hour: u32 = words[0].parse::<u32>().unwrap_or_default() % 12 + if words[2] == "PM" { 12 } else { 0 };
    let text =
        if field.input_type == "time" { format!("{hour:02}:{}", words[1]) } else { format!("{}:{} {}", words[0], words[1], words[2]) };
    hands.fill(&field, &text).await?;
    hands.submit().await
}

pub(super) async fn login(hands: &mut Hands) -> Played {
    let texts = in_quotes(&hands.instruction);
    for (place, text) in texts.iter().enumerate() {
        for _ in 0..2 {
            stay(hands).await?;
            let Some(field) = hands.fields().get(place).cloned() else { return stuck("there are too few fields") };
            if field.value.is_empty() {
                hands.fill(&field, text).await?;
            }
            stay(hands).await?;
        }
    }
    stay(hands).await?;
    // it is called Login or OK
    match hands.of_role("button").pop() {
        Some(button) => hands.click(&button).await,
        None => stuck("there is no button to log in with"),
    }
}

/// What pops up asks whether to leave.
async fn stay(hands: &mut Hands) -> Played {
    match hands.named_of("button", "Cancel") {
        Some(button) => hands.click(&button).await,
        None => Ok(()),
    }
}

pub(super) async fn copy(hands: &mut Hands) -> Played {
    let fields = hands.fields();
    let place = ordinal(&hands.instruction).unwrap_or(0);
    let areas: Vec<&Mark> = fields.iter().filter(|field| field.tag == "textarea").collect();
    let (Some(from), Some(to)) = (areas.get(place), fields.iter().find(|field| field.tag == "input")) else {
        return stuck("there are too few fields");
    };
    // as a person does: what a mark shows is cleaned and may be shortened
    hands.click(from).await?;
    hands.keys(&["Control", "a"]).await?;
    hands.keys(&["Control", "c"]).await?;
    hands.click(to).await?;
    hands.keys(&["Control", "v"]).await?;
    hands.submit().await
}

pub(super) async fn word(hands: &mut Hands) -> Played {
    let Some(place) = ordinal(&hands.instruction) else { return stuck("no word is told") };
    let lines: Vec<&str> = hands.seen.visible_text.lines().collect();
    let Some(paragraph) = lines.iter().find(|line| !line.starts_with("Find the") && line.split_whitespace().count() > 1) else {
        return stuck("there is no paragraph");
    };
    let Some(word) = paragraph.split_whitespace().nth(place) else { return stuck("the paragraph is too short") };
    let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    hands.fill(&field, &word).await?;
    hands.submit().await
}

/// A table's rows, as `label | value`.
fn value_of(hands: &Hands, label: &str) -> Option<String> {
    hands.seen.visible_text.lines().find_map(|line| {
        let (name, value) = line.split_once(" | ")?;
        (name.trim() == label).then(|| value.trim().to_owned())
    })
}

pub(super) async fn table(hands: &mut Hands) -> Played {
    let labels = match caught(r"the value of (.*) into", &hands.instruction) {
        Some(label) => label,
        None => {
            let lines = hands.seen.visible_text.lines();
            lines.filter_map(|line| line.trim().strip_suffix(':').map(str::to_owned)).collect()
        }
    };
    for (place, label) in labels.iter().enumerate() {
        let Some(value) = value_of(hands, label) else { return stuck(format!("the table has no {label:?}")) };
        let Some(field) = hands.fields().get(place).cloned() else { return stuck("there are too few fields") };
        hands.fill(&field, &value).await?;
    }
    hands.submit().await
}

pub(super) async fn sum(hands: &mut Hands) -> Played {
    let text = hands.seen.visible_text.clone();
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    let solved = if let Some(words) = caught(r"(?m)^(-?\d+) ([-+x×÷]) (-?\d+) =", &text) {
        let (one, other) = (number(&words[0]), number(&words[2]));
        match words[1].as_str() {
            "+" => one + other,
            "-" => one - other,
            _ => one * other,
        }
    } else if let Some(words) = caught(r"(?m)^x ([-+]) (-?\d+) = (-?\d+)$", &text) {
        let (known, result) = (number(&words[1]), number(&words[2]));
        if words[0] == "+" { result - known } else { result + known }
    } else if let Some(words) = caught(r"(?m)^(-?\d+) ([-+]) x = (-?\d+)$", &text) {
        let (known, result) = (number(&words[0]), number(&words[2]));
        if words[1] == "+" { result - known } else { known - result }
    } else {
        return stuck("the sum cannot be read");
    };
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    hands.fill(&field, &solved.to_string()).await?;
    hands.submit().await
}

/// `Search for GENRE movies directed by NAME from year YEAR`, in forms that are laid out in many ways.
pub(super) async fn movie(hands: &mut Hands) -> Played {
    let words = read(r"Search for (\S+) movies directed by (\S+) from year (\d+)", &hands.instruction.clone())?;
    let order: Vec<usize> = hands
        .seen
        .visible_text
        .lines()
        .filter(|line| !line.starts_with("Search for"))
        .filter_map(|line| {
            let line = line.to_lowercase();
            match () {
                () if line.starts_with("genre") => Some(0),
                () if line.starts_with("director") => Some(1),
                () if line.starts_with("year") => Some(2),
                () => None,
            }
        })
        .collect();
    let fields = hands.fields();
    for (place, field) in fields.iter().enumerate() {
        let told = format!("{} {}", field.name, field.field).to_lowercase();
        let by_name = ["genre", "director", "year"].iter().position(|label| told.contains(label));
        let Some(which) = by_name.or_else(|| order.get(place).copied()) else { return stuck("a field has no label") };
        hands.fill(field, &words[which]).await?;
    }
    let button = hands.of_role("button").pop();
    match button.or_else(|| ["Submit", "Search", "Go!"].into_iter().find_map(|name| hands.named(name))) {
        Some(button) => hands.click(&button).await,
        None => stuck("there is no button to search with"),
    }
}

pub(super) async fn search(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let Some(words) = in_quotes(&instruction).first().cloned() else { return stuck("no words are told") };
    let Some(place) = ordinal(&instruction) else { return stuck("no result is told") };
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    hands.fill(&field, &words).await?;
    hands.submit().await?;
    // three results on a page
    for _ in 0..place / 3 {
        let Some(next) = hands.named(">") else { return stuck("there are no more pages") };
        hands.click(&next).await?;
    }
    let is_result =
        |mark: &&Mark| mark.rect.y > field.rect.y + 10.0 && mark.name.parse::<u32>().is_err() && !["<", ">"].contains(&mark.name.trim());
    let results: Vec<Mark> =
        hands.marks().filter(|mark| matches!(mark.role.as_str(), "link" | "generic")).filter(is_result).cloned().collect();
    let titles: Vec<&Mark> = results.iter().filter(|mark| !mark.name.trim().is_empty()).collect();
    let Some(result) = titles.get(place % 3) else { return stuck("there are too few results") };
    hands.click(result).await
}

pub(super) async fn last_word(hands: &mut Hands) -> Played {
    let fields = hands.fields();
    let (Some(text), Some(field)) = (fields.first(), fields.get(1).cloned()) else { return stuck("there are too few fields") };
    if text.value.ends_with('…') {
        // the end is not told: it is carried over, word by word from behind, and what is too much is taken away
        hands.click(text).await?;
        hands.keys(&["Control", "End"]).await?;
        hands.keys(&["Control", "Shift", "ArrowLeft"]).await?;
        hands.keys(&["Control", "Shift", "ArrowLeft"]).await?;
        hands.keys(&["Control", "c"]).await?;
        hands.click(&field).await?;
        hands.keys(&["Control", "v"]).await?;
        let pasted = hands.fields().get(1).map(|field| field.value.clone()).unwrap_or_default();
        let word = pasted.split_whitespace().next_back().unwrap_or_default();
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
        hands.fill(&field, &word).await?;
    } else {
        let word = text.value.split_whitespace().next_back().unwrap_or_default();
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
        hands.fill(&field, &word).await?;
    }
    hands.submit().await
}

pub(super) async fn to_the_bottom(hands: &mut Hands) -> Played {
    let Some(text) = hands.fields().first().cloned() else { return stuck("there is no text") };
    let up = hands.instruction.contains("to the top");
    hands.scroll(if up { 3000 } else { -3000 }, text.rect.centre()).await?;
    hands.submit().await
}

pub(super) async fn agreement(hands: &mut Hands) -> Played {
    if hands.instruction == "Click the cancel button." {
        return hands.click_named("Cancel").await;
    }
    let texts = in_quotes(&hands.instruction);
    let (Some(name), Some(button)) = (texts.first().cloned(), texts.last().cloned()) else { return stuck("no name is told") };
    let Some(text) = hands.fields().first().cloned() else { return stuck("there is no text") };
    hands.scroll(-3000, text.rect.centre()).await?;
    let Some(field) = hands.fields().get(1).cloned() else { return stuck("there is no field") };
    hands.fill(&field, &name).await?;
    match hands.named_of("button", &button) {
        Some(button) => hands.click(&button).await,
        None => stuck(format!("no button is called {button:?}")),
    }
}

pub(super) async fn autocomplete(hands: &mut Hands) -> Played {
    let texts = in_quotes(&hands.instruction);
    let Some(begins) = texts.first().cloned() else { return stuck("no beginning is told") };
    let ends = texts.get(1).cloned().unwrap_or_default();
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    hands.fill(&field, &begins).await?;
    let fits = |mark: &Mark| {
        let name = mark.name.trim();
        mark.role != "textbox" && name.starts_with(&begins) && name.ends_with(&ends)
    };
    if let Some(item) = hands.wait_for(fits).await? {
        hands.click(&item).await?;
        return hands.submit().await;
    }
    stuck("nothing that fits is offered")
}

/// The codes of colours by their names.
const COLOURS: &[(&str, &str)] = &[
    ("red", "FF0000"),
    ("green", "00FF00"),
    ("blue", "0000FF"),
    ("yellow", "FFFF00"),
    ("magenta", "FF00FF"),
    ("cyan", "00FFFF"),
    ("black", "000000"),
    ("white", "FFFFFF"),
    ("grey", "808080"),
    ("gray", "808080"),
];

pub(super) async fn colour(hands: &mut Hands) -> Played {
    let name = read(r"Select (\w+) with", &hands.instruction.clone())?.remove(0);
    let Some((_, code)) = COLOURS.iter().find(|(known, _)| *known == name) else { return stuck(format!("no code of {name} is known")) };
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    hands.fill(&field, code).await?;
    // the picker stands before the button until something else is clicked
    hands.click_at(80.0, 20.0).await?;
    hands.submit().await
}

pub(super) async fn terminal(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let ending = caught(r"ending with the extension (\.\w+)", &instruction).map(|mut ending| ending.remove(0));
    hands.click_at(80.0, 150.0).await?;
    hands.type_on("ls", true).await?;
    let listed = hands.seen.visible_text.clone();
    let names = listed.split_whitespace().filter(|word| !word.starts_with('.'));
    let mut wanted = names.filter(|word| match &ending {
        Some(ending) => word.ends_with(ending.as_str()) && *word != ending,
        None => !word.contains('.') && word.chars().all(char::is_alphanumeric),
    });
    let Some(name) = wanted.next_back().map(str::to_owned) else { return stuck("no file fits") };
    hands.act(Action::Type { target: None, text: format!("rm {name}"), press_enter: true, delete_existing_text: false }).await
}
