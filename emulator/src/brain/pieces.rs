//! Cutting a text into the pieces it is streamed in.

/// Pieces shorter than this are joined with the next word.
const SHORT: usize = 6;
/// Words longer than this, and scripts that write without spaces, are cut.
const LONG: usize = 14;

/// Cuts a text into pieces of a word or two. Joined, they are the text again.
pub fn split(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for letter in text.chars() {
        piece.push(letter);
        length += 1;
        if (letter.is_whitespace() && length >= SHORT) || length >= LONG {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_joined_are_the_text_again() {
        for text in [
            "",
            "Hi",
            "You said: Hello, tell me about yourself",
            "你好，我是艾达的分身，很高兴认识你。",
            "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
        ] {
            let pieces = split(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|piece| piece.chars().count() <= LONG));
        }
        assert!(split("You said: Hello, tell me about yourself").len() >= 3);
    }
}
