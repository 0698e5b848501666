//! The documents that a training learns from and validates with.

use std::path::Path;

use anyhow::Result;
use fenlei::Error;
use fenlei::data::{self, Dataset, Findings, ReadOptions, Split};

use crate::cluster;
use crate::data::ReadArgs;
use crate::output::Voice;

/// Reads the training documents, and those to validate with if there are any: the given ones, else the validation part
/// of the same data.
pub(crate) fn read(
    path: &Path,
    validation: Option<&Path>,
    args: &ReadArgs,
    voice: Voice,
) -> Result<(Dataset, Option<Dataset>)> {
    let options = ReadOptions::from(args);
    let (documents, findings) = data::read(path, &options)?;
    voice.note(&findings);
    let validation = match validation {
        Some(validation) => Some(read_validation(validation, &options)?),
        None if options.split.is_none() && findings.splits.contains(&Split::Validation) => {
            voice.note("the validation part of the same data is used to validate with");
            let options = ReadOptions { split: Some(Split::Validation), ..options };
            Some(data::read(path, &options)?)
        }
        None => None,
    };
    if let Some((validation, findings)) = &validation {
        voice.note(findings);
        check_labels(&documents, validation, findings)?;
    }
    Ok((documents, validation.map(|(dataset, _)| dataset)))
}

/// Reads documents whose labels, if they have any, do not matter: the unlabelled part of divided data, else all of it;
/// of a text file every line.
pub(super) fn read_unlabelled(path: &Path, args: &ReadArgs, voice: Voice) -> Result<Dataset> {
    let lines = args.format.is_none() && path.extension().is_some_and(|ending| ending == "txt");
    let has_part = !lines && args.split.is_none() && data::splits(path)?.contains(&Split::Unlabelled);
    let split = if has_part { Some(Split::Unlabelled) } else { args.split };
    cluster::read_documents(&[path.to_owned()], lines, &ReadArgs { split, ..args.clone() }, voice)
}

/// Reads the validation part of divided data, else all of it.
fn read_validation(path: &Path, options: &ReadOptions) -> fenlei::Result<(Dataset, Findings)> {
    let splits = data::splits(path)?;
    let split = [Split::Validation, Split::Test].into_iter().find(|split| splits.contains(split));
    data::read(path, &ReadOptions { split, ..options.clone() })
}

fn check_labels(documents: &Dataset, validation: &Dataset, findings: &Findings) -> fenlei::Result<()> {
    if validation.multi_label && !documents.multi_label {
        let problem = "found several labels a document, but the training documents have one each";
        let help = "give validation documents with one label each, or choose the label column with --label-column";
        return Err(Error::data(&findings.path, None, problem, help));
    }
    Ok(())
}
