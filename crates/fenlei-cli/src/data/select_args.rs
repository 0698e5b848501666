//! The flags that say which documents are kept.

use clap::Args;
use fenlei::data::{Dedup, Selection};

/// Which documents are kept. Every one that is dropped is counted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Choosing")]
pub struct SelectArgs {
    /// Keep documents in these languages (zh,en; ISO 639 codes)
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub language: Vec<String>,
    /// Keep documents with at least so many characters, white space aside [default: 50 for crawled pages, else 0]
    #[arg(long, value_name = "N")]
    pub min_chars: Option<usize>,
    /// Drop repeated documents but the first: near (by MinHash), exact (up to white space), none [default: near for
    /// crawled pages, else none]
    #[arg(long, value_name = "WHICH")]
    pub dedup: Option<Dedup>,
    /// From which share of common three-word runs (Jaccard) on documents are nearly the same, from 0.1 to 1
    #[arg(long, value_name = "F", default_value_t = 0.8)]
    pub similarity: f64,
}

impl SelectArgs {
    /// What was asked for, and what suits the input where nothing was.
    pub fn selection(&self, is_crawl: bool) -> Selection {
        let usual = if is_crawl { Selection::of_crawl() } else { Selection::default() };
        Selection {
            min_chars: self.min_chars.unwrap_or(usual.min_chars),
            languages: self.language.clone(),
            dedup: self.dedup.unwrap_or(usual.dedup),
            similarity: self.similarity,
        }
    }
}
