//! Documents to learn from without their labels: any part but those that classifiers are measured on.

use std::path::Path;

use anyhow::Result;
use fenlei::data::{self, MissingLabel, ReadOptions, Split};

use super::ReadArgs;
use crate::interrupt::Stop;
use crate::output::Voice;

/// Hands the texts of the training part and of the unlabelled part to `take`, part by part; of data without parts all, and
/// the asked part where one is asked for.
pub(crate) fn for_each_part(
    path: &Path,
    args: &ReadArgs,
    voice: Voice,
    stop: &Stop,
    mut take: impl FnMut(Vec<String>) -> fenlei::Result<()>,
) -> Result<()> {
    // Labels play no part.
    let options = ReadOptions { missing_label: MissingLabel::Keep, ..ReadOptions::from(args) };
    let splits = if options.split.is_some() { Vec::new() } else { data::splits(path)? };
    let wanted: Vec<Split> =
        [Split::Train, Split::Unlabelled].into_iter().filter(|split| splits.contains(split)).collect();
    let parts = match wanted.as_slice() {
        [] => vec![options.split],
        wanted => wanted.iter().copied().map(Some).collect(),
    };
    for split in parts {
        let (documents, findings) = data::read(path, &ReadOptions { split, ..options.clone() })?;
        voice.note(findings);
        stop.check()?;
        take(documents.texts)?;
    }
    Ok(())
}
