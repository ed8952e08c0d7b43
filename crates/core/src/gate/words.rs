//! Comparing words whatever their case, spacing, punctuation or invisible characters.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Words that change nothing about what a button does.
const DETERMINERS: [&str; 8] = ["my", "your", "this", "the", "a", "an", "our", "please"];

/// Letters of other scripts that look like Latin ones; what NFKD does not fold.
const LOOK_ALIKES: &[(char, char)] = &[
    ('а', 'a'),
    ('в', 'b'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('к', 'k'),
    ('ӏ', 'l'),
    ('м', 'm'),
    ('н', 'h'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('ѕ', 's'),
    ('т', 't'),
    ('у', 'y'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    ('α', 'a'),
    ('β', 'b'),
    ('ε', 'e'),
    ('η', 'n'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('ν', 'v'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('τ', 't'),
    ('υ', 'u'),
    ('χ', 'x'),
    ('γ', 'y'),
    ('ı', 'i'),
    ('ɡ', 'g'),
    ('ɑ', 'a'),
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ɢ', 'g'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴊ', 'j'),
    ('ᴋ', 'k'),
    ('ʟ', 'l'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ᴘ', 'p'),
    ('ʀ', 'r'),
    ('ꜱ', 's'),
    ('ᴛ', 't'),
    ('ᴜ', 'u'),
    ('ᴠ', 'v'),
    ('ᴡ', 'w'),
    ('ʏ', 'y'),
    ('ᴢ', 'z'),
    ('ø', 'o'),
    ('ł', 'l'),
    ('đ', 'd'),
];

/// Drawn as nothing (or as a mark on the letter before it), so it must not split a word.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Lower-case words with single spaces, between two spaces, determiners left out: ` place order `.
pub(super) fn normal(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // full-width, circled, mathematical and accented letters look the same to a person: NFKD makes them plain
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars()) {
        match character {
            c if is_invisible(c) => {}
            '\'' | '’' => {}
            '&' => kept.push_str(" and "),
            c if c.is_alphanumeric() => kept.extend(c.to_lowercase().map(latin)),
            _ => kept.push(' '),
        }
    }
    let mut words: Vec<&str> = kept.split_whitespace().collect();
    if words.len() > 3 && words.iter().all(|word| word.chars().count() == 1) {
        // letters set apart are one word to a person
        return format!(" {} ", words.concat());
    }
    words.retain(|word| !DETERMINERS.contains(word));
    format!(" {} ", words.join(" "))
}

fn latin(character: char) -> char {
    if character.is_ascii() {
        return character;
    }
    LOOK_ALIKES.iter().find(|(alike, _)| *alike == character).map_or(character, |(_, latin)| *latin)
}

/// Like [`holds_any`], and `P1ace 0rder` or `PIace order` hold `place order` too.
pub(super) fn says_any(normal_text: &str, phrases: &[&str]) -> bool {
    let skeleton = |text: &str| text.replace(['1', 'i'], "l").replace('0', "o").replace('5', "s").replace('3', "e");
    holds_any(normal_text, phrases) || {
        let drawn = skeleton(normal_text);
        phrases.iter().any(|phrase| holds(&drawn, &skeleton(phrase)))
    }
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
