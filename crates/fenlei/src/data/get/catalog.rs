//! The data sets that are known by name.

/// A data set that can be fetched by name. Nothing of it is part of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct KnownSet {
    /// What to call it.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Its official address.
    pub url: &'static str,
    /// What its authors ask for.
    pub licence: &'static str,
    /// The size of the file, where it is known for sure.
    pub bytes: Option<u64>,
    /// The SHA-256 of the file, where it is known for sure.
    pub sha256: Option<&'static str>,
}

/// All of them.
pub const KNOWN_SETS: &[KnownSet] = &[
    KnownSet {
        name: "imdb",
        title: "50,000 labelled and 50,000 unlabelled film reviews, English, 2 classes (Maas et al. 2011)",
        url: "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        licence: "research use; cite the paper",
        bytes: Some(84_125_825),
        sha256: Some("c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"),
    },
    KnownSet {
        name: "sms-spam",
        title: "5,574 text messages, English, 2 classes (Almeida and Hidalgo 2011)",
        url: "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
        licence: "CC BY 4.0",
        bytes: Some(203_415),
        sha256: Some("1587ea43e58e82b14ff1f5425c88e17f8496bfcdb67a583dbff9eefaf9963ce3"),
    },
    KnownSet {
        name: "mr",
        title: "10,662 sentences of film reviews, English, 2 classes (Pang and Lee 2005)",
        url: "https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz",
        licence: "research use; cite the paper",
        bytes: None,
        sha256: None,
    },
    KnownSet {
        name: "subj",
        title: "10,000 subjective and objective sentences, English, 2 classes (Pang and Lee 2004)",
        url: "https://www.cs.cornell.edu/people/pabo/movie-review-data/rotten_imdb.tar.gz",
        licence: "research use; cite the paper",
        bytes: None,
        sha256: None,
    },
    KnownSet {
        name: "ag-news",
        title: "127,600 news titles with summaries, English, 4 classes (Zhang et al. 2015)",
        url: "https://s3.amazonaws.com/fast-ai-nlp/ag_news_csv.tgz",
        licence: "research use, not commercial",
        bytes: None,
        sha256: None,
    },
    KnownSet {
        name: "wordnet",
        title: "WordNet 3.1, English synonyms for `fenlei augment` (Fellbaum 1998); no documents",
        url: "https://wordnetcode.princeton.edu/wn3.1.dict.tar.gz",
        licence: "WordNet licence: free for any use with its notice",
        bytes: None,
        sha256: Some("3f7d8be8ef6ecc7167d39b10d66954ec734280b5bdcd57f7d9eafe429d11c22a"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_addresses_secure() {
        for (i, set) in KNOWN_SETS.iter().enumerate() {
            assert!(KNOWN_SETS[..i].iter().all(|other| other.name != set.name));
            assert!(set.url.starts_with("https://"));
            assert!(set.sha256.is_none_or(|hash| hash.len() == 64));
        }
    }
}
