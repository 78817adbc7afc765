//! Placeholders of kept form: a digit for a digit, a letter for a letter of the same case, and a character of as
//! many bytes for every other.

use super::keyed::{Choices, Key};

const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
/// No vowels: a placeholder is no word of a language by accident.
const LOWER: [char; 20] =
    ['b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z'];
const UPPER: [char; 20] =
    ['B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Z'];
/// Consonants of alphabets whose letters have two, three and four bytes in UTF-8. Texts hardly use the last two.
const TWO_BYTES: [char; 16] =
    ['β', 'γ', 'δ', 'ζ', 'θ', 'κ', 'λ', 'μ', 'ν', 'ξ', 'π', 'ρ', 'σ', 'τ', 'φ', 'ψ'];
const THREE_BYTES: [char; 14] =
    ['ㄱ', 'ㄴ', 'ㄷ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅅ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ'];
const FOUR_BYTES: [char; 8] = ['🞄', '🞅', '🞆', '🞇', '🞈', '🞉', '🞊', '🞋'];

/// How often another placeholder is tried where it equals the value. A single digit needs it one time in ten.
const TRIES: usize = 64;

/// Replaces every letter and digit of a value, by choices that depend on the value alone.
pub(super) fn replace(key: &Key, value: &str) -> String {
    differing(key, value, letter)
}

/// Replaces a value of hexadecimal digits by others.
pub(super) fn replace_hex(key: &Key, value: &str) -> String {
    differing(key, value, |choices, old| match old {
        '0'..='9' | 'a'..='f' => choices.pick(&HEX),
        'A'..='F' => choices.pick(&HEX).to_ascii_uppercase(),
        _ => old,
    })
}

/// Replaces the digits of a number. The first is no zero, unless it was one.
pub(super) fn replace_number(key: &Key, digits: &str) -> String {
    let mut first = digits.chars().next().is_some_and(|digit| digit != '0') && digits.len() > 1;
    differing(key, digits, move |choices, old| {
        let picked = letter(choices, old);
        match std::mem::take(&mut first) && picked == '0' {
            true => '7',
            false => picked,
        }
    })
}

fn differing(key: &Key, value: &str, by: impl FnMut(&mut Choices<'_>, char) -> char + Clone) -> String {
    let mut choices = key.choices(value);
    let mut placeholder = String::new();
    for _ in 0..TRIES {
        let mut by = by.clone();
        placeholder = value.chars().map(|old| by(&mut choices, old)).collect();
        if placeholder != value {
            return placeholder;
        }
    }
    // Nothing in it was a letter or a digit.
    placeholder
}

fn letter(choices: &mut Choices<'_>, old: char) -> char {
    match old {
        '0'..='9' => choices.pick(&DIGITS),
        'a'..='z' => choices.pick(&LOWER),
        'A'..='Z' => choices.pick(&UPPER),
        _ if old.is_ascii() => old,
        _ => match old.len_utf8() {
            2 => choices.pick(&TWO_BYTES),
            3 => choices.pick(&THREE_BYTES),
            _ => choices.pick(&FOUR_BYTES),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_value_stays() {
        let key = Key::fixed(1);
        let text = "Hällo, Wörld 42! 你好 😀\n";
        let placeholder = replace(&key, text);
        assert_eq!(placeholder.len(), text.len());
        let class = |letter: char| match letter {
            '0'..='9' => 'd',
            'a'..='z' => 'l',
            'A'..='Z' => 'u',
            _ if letter.is_ascii() => letter,
            _ => char::from_digit(letter.len_utf8() as u32, 10).unwrap(),
        };
        assert_eq!(
            text.chars().map(class).collect::<String>(),
            placeholder.chars().map(class).collect::<String>()
        );
        assert_eq!(replace(&key, text), placeholder);
        assert_ne!(replace(&Key::fixed(2), text), placeholder);
    }

    #[test]
    fn no_placeholder_is_the_value_itself() {
        for seed in 0..50 {
            let key = Key::fixed(seed);
            for digit in '0'..='9' {
                assert_ne!(replace(&key, &digit.to_string()), digit.to_string());
                assert_ne!(replace_number(&key, &format!("{digit}1")), format!("{digit}1"));
                assert_ne!(replace_hex(&key, &digit.to_string()), digit.to_string());
            }
            assert!(!replace_number(&key, "487569763543990272").starts_with('0'));
        }
    }
}
