//! Names of keys as agents write them → what Chromium wants to hear (spec/faragen.md E, key map).

/// Bits of `Input.dispatchKeyEvent`'s `modifiers`.
pub(crate) const ALT: u8 = 1;
/// Control.
pub(crate) const CONTROL: u8 = 2;
/// Command or Windows.
pub(crate) const META: u8 = 4;
/// Shift.
pub(crate) const SHIFT: u8 = 8;

/// A key as the DevTools protocol describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// DOM `key`.
    pub(crate) key: String,
    /// DOM `code`; empty where no key of a US keyboard gives the character.
    pub(crate) code: String,
    /// Windows virtual key code; 0 if there is none.
    pub(crate) key_code: u32,
    /// What it types when no modifier but Shift is held; empty for keys that type nothing.
    pub(crate) text: String,
    /// The modifier that it is, else 0.
    pub(crate) modifier: u8,
}

/// Keys with names: spelling after normalising, DOM key, code, virtual key code, text, modifier bit.
const NAMED: &[(&str, &str, &str, u32, &str, u8)] = &[
    ("alt", "Alt", "AltLeft", 18, "", ALT),
    ("control", "Control", "ControlLeft", 17, "", CONTROL),
    ("meta", "Meta", "MetaLeft", 91, "", META),
    ("shift", "Shift", "ShiftLeft", 16, "", SHIFT),
    ("arrowdown", "ArrowDown", "ArrowDown", 40, "", 0),
    ("arrowleft", "ArrowLeft", "ArrowLeft", 37, "", 0),
    ("arrowright", "ArrowRight", "ArrowRight", 39, "", 0),
    ("arrowup", "ArrowUp", "ArrowUp", 38, "", 0),
    ("backspace", "Backspace", "Backspace", 8, "", 0),
    ("capslock", "CapsLock", "CapsLock", 20, "", 0),
    ("delete", "Delete", "Delete", 46, "", 0),
    ("end", "End", "End", 35, "", 0),
    ("enter", "Enter", "Enter", 13, "\r", 0),
    ("escape", "Escape", "Escape", 27, "", 0),
    ("home", "Home", "Home", 36, "", 0),
    ("insert", "Insert", "Insert", 45, "", 0),
    ("pagedown", "PageDown", "PageDown", 34, "", 0),
    ("pageup", "PageUp", "PageUp", 33, "", 0),
    ("space", " ", "Space", 32, " ", 0),
    ("tab", "Tab", "Tab", 9, "", 0),
];

/// Other spellings of the names above.
const ALIASES: &[(&str, &str)] = &[
    ("option", "alt"),
    ("ctrl", "control"),
    ("cmd", "meta"),
    ("command", "meta"),
    ("super", "meta"),
    ("win", "meta"),
    ("windows", "meta"),
    ("controlormeta", "control"),
    ("esc", "escape"),
    ("return", "enter"),
    ("del", "delete"),
    ("ins", "insert"),
    ("pgdn", "pagedown"),
    ("pgup", "pageup"),
    ("down", "arrowdown"),
    ("left", "arrowleft"),
    ("right", "arrowright"),
    ("up", "arrowup"),
    ("spacebar", "space"),
    (" ", "space"),
];

/// Punctuation of a US keyboard: plain, shifted, code, virtual key code.
const PUNCTUATION: &[(char, char, &str, u32)] = &[
    ('-', '_', "Minus", 189),
    ('=', '+', "Equal", 187),
    ('[', '{', "BracketLeft", 219),
    (']', '}', "BracketRight", 221),
    ('\\', '|', "Backslash", 220),
    (';', ':', "Semicolon", 186),
    ('\'', '"', "Quote", 222),
    (',', '<', "Comma", 188),
    ('.', '>', "Period", 190),
    ('/', '?', "Slash", 191),
    ('`', '~', "Backquote", 192),
];

/// What Shift makes of the digits 0 to 9.
const SHIFTED_DIGITS: &[u8; 10] = b")!@#$%^&*(";

/// The keys of an action, in order: `["ctrl", "A"]` and `["Ctrl+A"]` mean the same.
pub(crate) fn parse(names: &[String]) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for name in names {
        for part in split_chord(name) {
            keys.push(key(&part).ok_or_else(|| {
                format!("{part:?} is no key; use names such as Enter, Tab, Escape, ArrowDown, PageDown, Control or one character")
            })?);
        }
    }
    if keys.is_empty() { Err("no key was named".into()) } else { Ok(keys) }
}

/// `Ctrl+Shift+A` → three names; `+` and `Ctrl++` keep their plus.
fn split_chord(name: &str) -> Vec<String> {
    let name = if name.trim().is_empty() { name } else { name.trim() };
    if name.chars().count() <= 1 || !name.contains('+') {
        return vec![name.to_owned()];
    }
    let (name, plus) = match name.strip_suffix("++") {
        Some(front) => (front, true),
        None => (name, false),
    };
    let mut parts: Vec<String> = name.split('+').filter(|part| !part.is_empty()).map(|part| part.trim().to_owned()).collect();
    if plus {
        parts.push("+".into());
    }
    parts
}

/// One key by name or by the character it types.
pub(crate) fn key(name: &str) -> Option<Key> {
    let mut characters = name.chars();
    if let (Some(character), None) = (characters.next(), characters.next())
        && character != ' '
    {
        return Some(of_character(character));
    }
    let plain: String = name.to_lowercase().chars().filter(|c| !matches!(c, '_' | '-') && (!c.is_whitespace() || name == " ")).collect();
    let plain = ALIASES.iter().find(|(alias, _)| *alias == plain).map_or(plain.as_str(), |(_, known)| known);
    if let Some((_, key, code, key_code, text, modifier)) = NAMED.iter().find(|(known, ..)| *known == plain) {
        return Some(Key { key: (*key).into(), code: (*code).into(), key_code: *key_code, text: (*text).into(), modifier: *modifier });
    }
    let number: u32 = plain.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then(|| Key {
        key: format!("F{number}"),
        code: format!("F{number}"),
        key_code: 111 + number,
        text: String::new(),
        modifier: 0,
    })
}

/// Whether a key pastes under these modifiers: Ctrl+V, Ctrl+Shift+V, Shift+Insert.
pub(crate) fn pastes(key: &Key, modifiers: u8) -> bool {
    match key.code.as_str() {
        "KeyV" => modifiers & CONTROL != 0,
        "Insert" => modifiers & SHIFT != 0,
        _ => false,
    }
}

/// The same key without the command that the browser would do at it: to the page it is as it is, but for `keyCode`.
pub(crate) fn without_command(key: &Key) -> Key {
    Key { key_code: 0, ..key.clone() }
}

/// The key as it is with Shift held: `a` is `A`, `1` is `!`.
pub(crate) fn shifted(key: &Key) -> Key {
    let mut characters = key.key.chars();
    let (Some(character), None) = (characters.next(), characters.next()) else { return key.clone() };
    let upper = match character {
        letter if letter.is_alphabetic() => letter.to_uppercase().to_string(),
        digit if digit.is_ascii_digit() => char::from(SHIFTED_DIGITS[usize::from(digit as u8 - b'0')]).to_string(),
        other => PUNCTUATION.iter().find(|(plain, ..)| *plain == other).map_or(other, |(_, shifted, ..)| *shifted).to_string(),
    };
    Key { text: upper.clone(), key: upper, ..key.clone() }
}

/// The key that types a character on a US keyboard.
pub(crate) fn of_character(character: char) -> Key {
    let (code, key_code) = match character {
        'a'..='z' | 'A'..='Z' => (format!("Key{}", character.to_ascii_uppercase()), u32::from(character.to_ascii_uppercase())),
        '0'..='9' => (format!("Digit{character}"), u32::from(character)),
        ' ' => ("Space".into(), 32),
        other => match PUNCTUATION.iter().find(|(plain, shifted, ..)| *plain == other || *shifted == other) {
            Some((_, _, code, key_code)) => ((*code).into(), *key_code),
            None => match SHIFTED_DIGITS.iter().position(|shifted| char::from(*shifted) == other) {
                Some(digit) => (format!("Digit{digit}"), 48 + digit as u32),
                None => (String::new(), 0),
            },
        },
    };
    Key { key: character.into(), code, key_code, text: character.into(), modifier: 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn names(keys: &[&str]) -> Vec<String> {
        parse(&keys.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap().into_iter().map(|key| key.key).collect()
    }

    #[test]
    fn spellings_of_the_reference_are_understood() {
        assert_eq!(names(&["ctrl", "a"]), ["Control", "a"]);
        assert_eq!(names(&["Ctrl+Shift+T"]), ["Control", "Shift", "T"]);
        assert_eq!(names(&["page_down"]), ["PageDown"]);
        assert_eq!(names(&["Page Down", "ESC", "cmd", "Option", " ", "F5"]), ["PageDown", "Escape", "Meta", "Alt", " ", "F5"]);
    }

    #[test]
    fn a_slash_is_a_slash_and_a_plus_stays_a_plus() {
        assert_eq!(key("/").unwrap().code, "Slash");
        assert_eq!(names(&["+"]), ["+"]);
        assert_eq!(names(&["ctrl++"]), ["Control", "+"]);
        assert_eq!(of_character('!').code, "Digit1");
        assert_eq!(["a", "1", "/", "Tab", " "].map(|name| shifted(&key(name).unwrap()).key), ["A", "!", "?", "Tab", " "]);
    }

    #[test]
    fn the_keys_that_paste_are_known() {
        let pasting = |name: &str, modifiers| pastes(&key(name).unwrap(), modifiers);
        assert!(pasting("v", CONTROL) && pasting("V", CONTROL | SHIFT) && pasting("insert", SHIFT) && pasting("v", CONTROL | ALT));
        assert!(!pasting("v", 0) && !pasting("v", SHIFT) && !pasting("c", CONTROL) && !pasting("insert", CONTROL));
    }

    #[test]
    fn an_unknown_name_is_an_error_in_words() {
        assert!(parse(&["Hyperspace".into()]).unwrap_err().contains("is no key"));
        assert!(parse(&[]).is_err());
    }
}
