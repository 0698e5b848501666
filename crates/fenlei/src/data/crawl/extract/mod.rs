//! HTML to the text that a reader came for.

mod blocks;
mod main_text;
mod places;

pub(super) use blocks::Page;

use super::super::Extract;

/// The title and the text of a page; blocks of text become lines.
pub(super) fn extract(html: &str, extract: Extract) -> (String, String) {
    let page = Page::read(html);
    let text = match extract {
        Extract::All => page.text_of(|_| true),
        Extract::Main => main_text::of(&page),
    };
    (page.title, text)
}

#[cfg(test)]
mod tests;
