//! Which blocks are the content of a page, by how much text they hold, how much of it is in links, and what their
//! neighbours are like.
//!
//! Source: Kohlschütter, Fankhauser, Nejdl: Boilerplate Detection using Shallow Text Features, WSDM 2010, the decision
//! tree on numbers of words and link densities (their Algorithm 2). Around it stand three rules for what pages say of
//! themselves today: what stands in navigation, footers and the like is no content; a heading goes with what follows
//! it; and if a page marks its content, that alone counts.

use super::blocks::{Block, Page};
use super::places::{BESIDE, HEADING};

/// How much text the marked content must hold, of all that was found, to be all that counts.
const MARKED_SHARE: f32 = 0.5;
/// With less than so many words outside of navigation and the like, their marks are taken for a mistake, such as a
/// `<nav>` that is never closed.
const TOO_FEW_WORDS: f32 = 20.0;

/// The content of a page.
pub(super) fn of(page: &Page) -> String {
    let blocks = &page.blocks;
    let words = |kept: &[bool]| blocks.iter().zip(kept).filter(|(_, kept)| **kept).map(|(block, _)| block.words).sum();
    let mut kept = content(blocks, &|block| !block.is(BESIDE));
    let mut found: f32 = words(&kept);
    if found < TOO_FEW_WORDS {
        let unmarked = content(blocks, &|_| true);
        if words(&unmarked) > TOO_FEW_WORDS.max(4.0 * found) {
            kept = unmarked;
            found = words(&kept);
        }
    }
    if found == 0.0 {
        // A short text between links, which the tree takes for a caption among them.
        kept = blocks
            .iter()
            .map(|block| !block.is(BESIDE) && block.link_density() <= DENSE && block.words > 16.0)
            .collect();
        found = words(&kept);
    }
    let marked: Vec<bool> = blocks.iter().zip(&kept).map(|(block, kept)| *kept && block.in_content()).collect();
    if words(&marked) >= MARKED_SHARE * found && found > 0.0 {
        kept = marked;
    }
    page.text_of(|i| kept[i])
}

/// Which blocks are content, where only those that `counts` says exist: what stands in a `<nav>` is no neighbour.
fn content(blocks: &[Block], counts: &dyn Fn(&Block) -> bool) -> Vec<bool> {
    let counted: Vec<usize> = (0..blocks.len()).filter(|&i| counts(&blocks[i])).collect();
    let at = |place: usize| counted.get(place).map(|&i| &blocks[i]);
    let mut kept = vec![false; blocks.len()];
    for (place, &i) in counted.iter().enumerate() {
        kept[i] = is_content(place.checked_sub(1).and_then(at), &blocks[i], at(place + 1));
    }
    // From the end, so that a heading may follow another one.
    for (place, &i) in counted.iter().enumerate().rev().filter(|&(_, &i)| blocks[i].is(HEADING)) {
        kept[i] = counted.get(place + 1).is_some_and(|&next| kept[next]);
    }
    kept
}

/// Above this link density a block is a list of links.
const DENSE: f32 = 0.333_333;

/// The decision tree.
fn is_content(previous: Option<&Block>, current: &Block, next: Option<&Block>) -> bool {
    let words = |block: Option<&Block>| block.map_or(0.0, |block| block.words);
    if current.link_density() > DENSE {
        return false;
    }
    if previous.map_or(0.0, Block::link_density) <= 0.555_556 {
        current.words > 16.0 || words(next) > 15.0 || words(previous) > 4.0
    } else {
        current.words > 40.0 || words(next) > 17.0
    }
}
