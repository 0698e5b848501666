//! Sparse rows as text in the layout of SVMlight and LIBSVM, which scikit-learn and LIBLINEAR read:
//! `label column:value column:value …`, columns from 1.

use std::io::{self, Write};

use super::SparseRows;

/// Writes a line for each row, behind the numbers of its labels with commas between them (0 where it has none).
///
/// # Errors
/// Those of the writer.
pub fn write_svmlight(out: &mut impl Write, rows: &SparseRows, labels: &[Vec<u32>]) -> io::Result<()> {
    for (i, labels) in labels.iter().enumerate() {
        match labels.split_first() {
            None => out.write_all(b"0")?,
            Some((first, rest)) => {
                write!(out, "{first}")?;
                rest.iter().try_for_each(|label| write!(out, ",{label}"))?;
            }
        }
        let (columns, values) = rows.row(i);
        columns.iter().zip(values).try_for_each(|(column, value)| write!(out, " {}:{value}", column + 1))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_from_one_and_values_keep_their_digits() {
        let mut rows = SparseRows::new(9);
        rows.push([(0, 1.0), (8, 0.1)].into_iter());
        rows.push([].into_iter());
        rows.push([(3, 1.0 / 3.0)].into_iter());
        let mut out = Vec::new();
        write_svmlight(&mut out, &rows, &[vec![1], vec![], vec![0, 2]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "1 1:1 9:0.1\n0\n0,2 4:0.33333334\n");
    }
}
