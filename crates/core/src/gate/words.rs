//! Comparing words whatever their case, spacing, punctuation or invisible characters.

/// Words that change nothing about what a button does.
const DETERMINERS: [&str; 8] = ["my", "your", "this", "the", "a", "an", "our", "please"];

/// Lower-case words with single spaces, between two spaces, determiners left out: ` place order `.
pub(super) fn normal(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // zero-width and soft hyphen: drawn as nothing, so they must not split a word
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\'' | '’' => {}
            '&' => kept.push_str(" and "),
            // full-width forms of ASCII look the same to a person
            '\u{ff01}'..='\u{ff5e}' => {
                let plain = char::from_u32(character as u32 - 0xfee0).unwrap_or(' ');
                kept.push(if plain.is_ascii_alphanumeric() { plain.to_ascii_lowercase() } else { ' ' });
            }
            c if c.is_alphanumeric() => kept.extend(c.to_lowercase()),
            _ => kept.push(' '),
        }
    }
    let words: Vec<&str> = kept.split_whitespace().filter(|word| !DETERMINERS.contains(word)).collect();
    format!(" {} ", words.join(" "))
}

/// Whether normalised text holds the phrase (itself in normal form) as whole words, or is the phrase written without spaces.
pub(super) fn holds(normal_text: &str, phrase: &str) -> bool {
    normal_text.contains(&format!(" {phrase} ")) || (phrase.contains(' ') && normal_text.trim().replace(' ', "") == phrase.replace(' ', ""))
}

/// Whether normalised text holds one of the phrases.
pub(super) fn holds_any(normal_text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| holds(normal_text, phrase))
}

/// Whether normalised text is one of the phrases, and nothing else.
pub(super) fn is_one_of(normal_text: &str, phrases: &[&str]) -> bool {
    phrases.contains(&normal_text.trim())
}

/// Identifiers as words: `billingZip_code` → ` billing zip code `.
pub(super) fn identifier_words(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut before_lower = false;
    for character in text.chars() {
        if character.is_uppercase() && before_lower {
            spaced.push(' ');
        }
        before_lower = character.is_lowercase() || character.is_ascii_digit();
        spaced.push(character);
    }
    normal(&spaced)
}
