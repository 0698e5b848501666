//! Rust source as a flat list of tokens with their lines.
//!
//! Rules look at tokens rather than at lines, so that words in strings and comments are no findings.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A token: an identifier, one punctuation character, a literal, or one side of a bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What stands in the source; a literal is reduced to `"…"`, since no rule looks into it.
    pub text: String,
    /// One-based line.
    pub line: usize,
}

/// The tokens of a source file; the error says where it is no Rust.
pub fn tokens(source: &str) -> Result<Vec<Token>, (usize, String)> {
    let stream = TokenStream::from_str(source).map_err(|error| (error.span().start().line, error.to_string()))?;
    let mut flat = Vec::new();
    flatten(stream, &mut flat);
    Ok(flat)
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                flat.push(Token { text: open.to_owned(), line: group.span_open().start().line });
                flatten(group.stream(), flat);
                flat.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            TokenTree::Ident(ident) => {
                flat.push(Token { text: ident.to_string(), line: ident.span().start().line });
            }
            TokenTree::Punct(punct) => {
                flat.push(Token { text: punct.as_char().to_string(), line: punct.span().start().line });
            }
            TokenTree::Literal(literal) => {
                flat.push(Token { text: "\"…\"".to_owned(), line: literal.span().start().line });
            }
        }
    }
}

/// Whether the tokens from `index` on read as `pattern`.
pub fn reads(tokens: &[Token], index: usize, pattern: &[&str]) -> bool {
    tokens.len() >= index + pattern.len()
        && tokens[index..].iter().zip(pattern).all(|(token, expected)| token.text == *expected)
}

/// Whether a token is a name or a keyword.
pub fn is_ident(token: &Token) -> bool {
    token.text.starts_with(|first: char| first == '_' || first.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_in_strings_and_comments_are_no_tokens() {
        assert_eq!(texts("// crate::a\nf(\"crate::b\", 1) /* unsafe */"), ["f", "(", "\"…\"", ",", "\"…\"", ")"]);
    }

    #[test]
    fn tokens_know_their_lines_across_nested_groups() {
        let lines: Vec<_> =
            tokens("fn f() {\n    (\n        x\n    )\n}\n").unwrap().into_iter().map(|t| (t.text, t.line)).collect();
        let x = lines.iter().find(|(text, _)| text == "x").unwrap();
        assert_eq!(x.1, 3);
        assert_eq!(lines.last().unwrap(), &("}".to_owned(), 5));
    }

    #[test]
    fn what_is_no_rust_tells_its_line() {
        let (line, _) = tokens("fn f() {}\nfn g() { (\n").unwrap_err();
        assert!(line >= 1);
    }

    #[test]
    fn patterns_are_matched_token_by_token() {
        let tokens = tokens("crate::text::Cleaner").unwrap();
        assert!(reads(&tokens, 0, &["crate", ":", ":", "text"]));
        assert!(!reads(&tokens, 0, &["crate", ":", ":", "data"]));
        assert!(!reads(&tokens, 6, &["Cleaner", ":"]));
    }
}
