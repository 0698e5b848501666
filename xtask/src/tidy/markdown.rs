//! Links between the documents lead somewhere.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Finding;
use super::tree::Tree;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("md").filter(|(path, _)| !path.contains("testdata/")) {
        for (line, target) in links(text) {
            if let Some(found) = broken(tree, path, text, &target) {
                findings.push(Finding::error(path, line, found, "mend the link; paths are relative to this file"));
            }
        }
    }
    findings
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES)
}

/// The targets of all links and images, with the lines they stand on.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (event, range) in parser(text).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            links.push((text[..range.start].matches('\n').count() + 1, dest_url.to_string()));
        }
    }
    links
}

/// What is wrong with a link, if anything is. Addresses of the web are not looked up.
fn broken(tree: &Tree, path: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let resolved = if file.is_empty() { path.to_owned() } else { resolve(path, file)? };
    if !tree.has(&resolved) {
        return Some(format!("`{target}` leads nowhere: there is no `{resolved}`"));
    }
    let text = if file.is_empty() { Some(text) } else { tree.text(&resolved) };
    match (anchor, text) {
        (Some(anchor), Some(text)) if resolved.ends_with(".md") && !anchors(text).contains(anchor) => {
            Some(format!("`{target}` leads nowhere: `{resolved}` has no heading `#{anchor}`"))
        }
        _ => None,
    }
}

/// `file`, as seen from the folder of `path`, relative to the root; `None` when it leads out of the project.
fn resolve(path: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            // A folder beside the project (`../shared`) cannot be looked into.
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings: lower case, blanks as hyphens, no punctuation, repeated ones numbered.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in parser(text) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(part) | Event::Code(part), Some(heading)) => heading.push_str(&part),
            (Event::End(TagEnd::Heading(_)), Some(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let mut numbered = (0usize..).map(|n| if n == 0 { slug.clone() } else { format!("{slug}-{n}") });
                let free = numbered.find(|anchor| !anchors.contains(anchor));
                anchors.extend(free);
            }
            _ => {}
        }
    }
    anchors
}

/// A heading as the anchor that readers on the web link to.
pub fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let other = "# The map\n\n## A `b` c?\n\n## 快速上手\n\n## Same\n\n## Same\n";
        let files = [("docs/a.md", text), ("docs/other.md", other), ("README.md", "# Top\n"), ("test", "")];
        check(&Tree::of(&files)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn files_and_folders_are_found_from_the_folder_of_the_document() {
        assert!(lines("[a](other.md) [b](../README.md)\n[c](../test) [d](.) [e](../docs/)\n").is_empty());
        assert_eq!(lines("fine\n\n[a](README.md)\n![b](../other.png)\n"), [3, 4]);
        assert!(lines("[out](../../shared/x) [web](https://example.org/x) [mail](mailto:a@example.org)\n").is_empty());
    }

    #[test]
    fn headings_are_found_here_and_elsewhere() {
        assert!(lines("# Here it is\n[a](#here-it-is) [b](other.md#a-b-c) [c](other.md#快速上手)\n").is_empty());
        assert!(lines("[a](other.md#same) [b](other.md#same-1)\n").is_empty());
        assert_eq!(lines("[a](#nowhere)\n[b](other.md#same-2)\n"), [1, 2]);
    }

    #[test]
    fn code_is_no_link_and_references_are() {
        assert!(lines("`[a](x.md)`\n\n```text\n[a](x.md)\n```\n").is_empty());
        assert_eq!(lines("[a][r]\n\n[r]: x.md\n"), [1]);
    }
}
