//! Which documents are shown next.
//!
//! Invariant: the same state gives the same documents; chance comes from the document's key alone.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::groups::Groups;

/// How an annotator wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Two that the model is unsure of, then one by chance.
    #[default]
    Mixed,
    /// Those that the model is least sure of.
    Uncertain,
    /// By chance.
    Random,
    /// Those that are probably of the label with the fewest documents so far.
    Balance,
    /// Labelled ones whose label is likely wrong.
    Suspects,
    /// Those that hold some words.
    Search,
}

/// Why a document is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Why {
    Uncertain,
    Random,
    Balance,
    Suspect,
    Search,
    Similar,
    Conflict,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncertain => "uncertain",
            Self::Random => "random",
            Self::Balance => "balance",
            Self::Suspect => "suspect",
            Self::Search => "search",
            Self::Similar => "similar",
            Self::Conflict => "conflict",
        }
    }
}

/// One document of so many is drawn by chance, when uncertain ones are mixed with random ones.
const ONE_IN: usize = 3;

/// Documents of a label that are kept in the order of their probability.
const LONGEST: usize = 20_000;

/// The documents from several points of view, each a list of places, best first.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    /// In an order by chance.
    pub random: Vec<u32>,
    /// The least sure first; empty without a model.
    pub uncertain: Vec<u32>,
    /// For each label, those that are most probably of it first.
    pub by_label: Vec<Vec<u32>>,
    /// Labels that are likely wrong, surest first.
    pub suspects: Vec<u32>,
}

impl Ranks {
    /// An order by chance that no order of the file can bias.
    pub fn by_chance<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<u32> {
        Self::some_by_chance(keys.zip(0..))
    }

    /// Some documents in the same order.
    pub fn some_by_chance<'a>(keys: impl Iterator<Item = (&'a str, u32)>) -> Vec<u32> {
        let mut drawn: Vec<([u8; 32], u32)> = keys.map(|(key, place)| (Sha256::digest(key).into(), place)).collect();
        drawn.sort_unstable();
        drawn.into_iter().map(|(_, place)| place).collect()
    }

    /// From the probabilities of each label for each document, `[n_docs, n_labels]`.
    pub fn rank(&mut self, probabilities: &[f32], n_labels: usize, multi_label: bool) {
        let rows: Vec<&[f32]> = probabilities.chunks_exact(n_labels.max(1)).collect();
        let sure: Vec<f32> = rows.iter().map(|row| margin(row, multi_label)).collect();
        let sorted = |key: &dyn Fn(usize) -> f32| {
            let mut places: Vec<u32> = (0..rows.len() as u32).collect();
            // Sorting is stable, and equal ones stay in the order by chance.
            places.clone_from(&self.random);
            places.sort_by(|&a, &b| key(a as usize).total_cmp(&key(b as usize)));
            places
        };
        let uncertain = sorted(&|place| sure[place]);
        let of_label = |label: usize| {
            let mut places = sorted(&|place| -rows[place][label]);
            // Of a million documents and many labels, whole lists would be gigabytes, of which nobody sees the ends.
            places.truncate(LONGEST);
            places.shrink_to_fit();
            places
        };
        let by_label = (0..n_labels).map(of_label).collect();
        (self.uncertain, self.by_label) = (uncertain, by_label);
    }
}

/// How sure a model is: how far the best label is before the second; of several labels, how far the decision that is
/// least sure is from the middle.
pub(crate) fn margin(row: &[f32], multi_label: bool) -> f32 {
    if multi_label {
        return row.iter().map(|p| (p - 0.5).abs()).fold(0.5, f32::min);
    }
    let (mut best, mut second) = (0.0f32, 0.0f32);
    for &p in row {
        if p > best {
            (best, second) = (p, best);
        } else if p > second {
            second = p;
        }
    }
    best - second
}

/// What the choice depends on.
pub(crate) struct Situation<'a> {
    pub ranks: &'a Ranks,
    pub groups: &'a Groups,
    /// Whether a document may be shown to this annotator.
    pub is_free: &'a dyn Fn(usize) -> bool,
    /// Whether a labelled document with a suspected label may be shown to this annotator.
    pub is_doubtful: &'a dyn Fn(usize) -> bool,
    /// Those that others have labelled and that want more opinions, in the order by chance.
    pub begun: &'a [u32],
    /// Whether it holds the words that are searched for.
    pub matches: &'a dyn Fn(usize) -> bool,
    /// The document that was decided last.
    pub last: Option<usize>,
    /// How many documents this annotator was shown already: where the mixture goes on.
    pub n_shown: usize,
    /// How many documents each label has so far.
    pub counts: &'a [usize],
}

/// The next documents, at most `n`, each with the reason.
pub(crate) fn next(mode: Mode, n: usize, situation: &Situation<'_>) -> Vec<(usize, Why)> {
    let mut chosen: Vec<(usize, Why)> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    let mut take = |place: usize, why: Why, chosen: &mut Vec<(usize, Why)>| {
        if chosen.len() < n && taken.insert(place) {
            chosen.push((place, why));
        }
    };
    if mode == Mode::Suspects {
        let suspects = situation.ranks.suspects.iter().map(|&place| place as usize);
        suspects
            .filter(|&place| (situation.is_doubtful)(place))
            .take(n)
            .for_each(|place| take(place, Why::Suspect, &mut chosen));
        return chosen;
    }
    let wanted = |place: usize| (situation.is_free)(place) && (mode != Mode::Search || (situation.matches)(place));
    let siblings = |place: usize| {
        situation.groups.of(place).iter().map(|&sibling| sibling as usize).filter(|&sibling| wanted(sibling))
    };
    // The rest of a group comes while it is fresh in mind.
    situation.last.into_iter().flat_map(siblings).for_each(|place| take(place, Why::Similar, &mut chosen));
    let mut lists = Lists::new(mode, situation);
    while chosen.len() < n {
        let Some((place, why)) = lists.draw(situation.n_shown + chosen.len(), &wanted) else { break };
        take(place, why, &mut chosen);
        siblings(place).for_each(|sibling| take(sibling, Why::Similar, &mut chosen));
    }
    chosen
}

/// Lists of documents that are drawn from, each from its beginning.
struct Lists<'a> {
    begun: Walk<'a>,
    chance: Walk<'a>,
    ranked: Option<(Walk<'a>, Why)>,
    mode: Mode,
}

struct Walk<'a>(std::slice::Iter<'a, u32>);

impl Walk<'_> {
    fn next(&mut self, wanted: &dyn Fn(usize) -> bool) -> Option<usize> {
        self.0.by_ref().map(|&place| place as usize).find(|&place| wanted(place))
    }
}

impl<'a> Lists<'a> {
    fn new(mode: Mode, situation: &'a Situation<'a>) -> Self {
        let ranks = situation.ranks;
        let ranked = match mode {
            Mode::Mixed | Mode::Uncertain => Some((&ranks.uncertain, Why::Uncertain)),
            Mode::Balance => rarest(situation).and_then(|label| Some((ranks.by_label.get(label)?, Why::Balance))),
            Mode::Random | Mode::Search | Mode::Suspects => None,
        };
        let ranked = ranked.filter(|(list, _)| !list.is_empty()).map(|(list, why)| (Walk(list.iter()), why));
        Self { begun: Walk(situation.begun.iter()), chance: Walk(ranks.random.iter()), ranked, mode }
    }

    /// The `i`-th document.
    fn draw(&mut self, i: usize, wanted: &dyn Fn(usize) -> bool) -> Option<(usize, Why)> {
        let why = if self.mode == Mode::Search { Why::Search } else { Why::Random };
        // Agreement can only be told from documents that several have labelled.
        if self.mode != Mode::Search
            && let Some(place) = self.begun.next(wanted)
        {
            return Some((place, Why::Random));
        }
        let by_chance = self.mode == Mode::Mixed && i % ONE_IN == ONE_IN - 1;
        if !by_chance
            && let Some((list, why)) = &mut self.ranked
            && let Some(place) = list.next(wanted)
        {
            return Some((place, *why));
        }
        self.chance.next(wanted).map(|place| (place, why))
    }
}

/// The label with the fewest documents so far.
fn rarest(situation: &Situation<'_>) -> Option<usize> {
    (0..situation.counts.len()).min_by_key(|&label| (situation.counts[label], label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks() -> Ranks {
        let mut ranks = Ranks { random: vec![3, 1, 5, 0, 4, 2], ..Ranks::default() };
        // Document i is of the second label with probability i / 10; 5 is the least sure.
        let probabilities: Vec<f32> = (0..6).flat_map(|i| [1.0 - i as f32 / 10.0, i as f32 / 10.0]).collect();
        ranks.rank(&probabilities, 2, false);
        ranks
    }

    struct Case {
        taken: Vec<usize>,
        begun: Vec<u32>,
        last: Option<usize>,
        n_shown: usize,
        groups: Groups,
    }

    fn case() -> Case {
        Case { taken: vec![], begun: vec![], last: None, n_shown: 0, groups: Groups::default() }
    }

    fn places(mode: Mode, ranks: &Ranks, case: &Case) -> Vec<(usize, Why)> {
        next(
            mode,
            4,
            &Situation {
                ranks,
                groups: &case.groups,
                is_free: &|place| !case.taken.contains(&place),
                is_doubtful: &|place| !case.taken.contains(&place),
                begun: &case.begun,
                matches: &|place| place.is_multiple_of(2),
                last: case.last,
                n_shown: case.n_shown,
                counts: &[1, 5],
            },
        )
    }

    #[test]
    fn uncertain_documents_are_mixed_with_random_ones() {
        use Why::{Random, Uncertain};
        let expected = [(5, Uncertain), (4, Uncertain), (3, Random), (2, Uncertain)];
        // The third is the first by chance; the list of uncertain ones goes on behind it.
        let found = places(Mode::Mixed, &ranks(), &case());
        assert_eq!(found, expected);
        let later = places(Mode::Mixed, &ranks(), &Case { n_shown: 2, taken: vec![5], ..case() });
        assert_eq!(later[0], (3, Random));
        // Without a model everything is by chance.
        let blind = Ranks { random: ranks().random, ..Ranks::default() };
        assert_eq!(places(Mode::Mixed, &blind, &case())[..2], [(3, Random), (1, Random)]);
    }

    #[test]
    fn each_order_has_its_own_view() {
        let first = |mode, case: &Case| places(mode, &ranks(), case)[0];
        assert_eq!(first(Mode::Uncertain, &case()), (5, Why::Uncertain));
        assert_eq!(first(Mode::Random, &case()), (3, Why::Random));
        // The first label is the rarer one, and document 0 the most probable of it.
        assert_eq!(first(Mode::Balance, &case()), (0, Why::Balance));
        assert_eq!(places(Mode::Search, &ranks(), &case()), [(0, Why::Search), (4, Why::Search), (2, Why::Search)]);
        let ranks = Ranks { suspects: vec![4, 2], ..ranks() };
        let suspects = places(Mode::Suspects, &ranks, &Case { taken: vec![4], ..case() });
        assert_eq!(suspects, [(2, Why::Suspect)]);
    }

    #[test]
    fn what_others_have_begun_and_near_duplicates_come_first() {
        let begun = places(Mode::Mixed, &ranks(), &Case { begun: vec![2], ..case() });
        assert_eq!(begun[..2], [(2, Why::Random), (5, Why::Uncertain)]);
        let base = "one and the same text that is long enough to be told from all others";
        let texts: Vec<String> =
            (0..6).map(|i| if i < 3 { base.to_owned() } else { format!("other words here {i}") }).collect();
        let groups = Groups::find(&texts);
        let siblings = places(Mode::Uncertain, &ranks(), &Case { groups, last: Some(1), taken: vec![1], ..case() });
        assert_eq!(siblings, [(0, Why::Similar), (2, Why::Similar), (5, Why::Uncertain), (4, Why::Uncertain)]);
    }

    #[test]
    fn chance_does_not_follow_the_file_and_is_the_same_each_time() {
        let keys: Vec<String> = (0..1000).map(|i| format!("key {i}")).collect();
        let order = Ranks::by_chance(keys.iter().map(String::as_str));
        assert_eq!(order, Ranks::by_chance(keys.iter().map(String::as_str)));
        let in_first_half = order[..500].iter().filter(|&&place| place < 500).count();
        assert!((200..300).contains(&in_first_half), "{in_first_half}");
    }

    #[test]
    fn a_margin_tells_how_sure_a_model_is() {
        assert!((margin(&[0.5, 0.2, 0.3], false) - 0.2).abs() < 1e-6);
        assert!((margin(&[0.9, 0.6], true) - 0.1).abs() < 1e-6);
        assert_eq!(margin(&[1.0], false), 1.0);
    }
}
