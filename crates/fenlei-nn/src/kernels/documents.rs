//! Work divided by document: each document's output rows are written by one thread, in one order.

/// Below this much work (numbers read) one thread is faster than waking a second.
const PARALLEL_FROM: usize = 1 << 15;

/// Calls `f(doc_idx, rows)` with the rows of each document of `out`, `[n_rows, width]` with bounds `starts`, on all
/// threads. `work` says how many numbers the whole call reads or writes.
pub fn for_each_doc<T: Send>(
    out: &mut [T],
    width: usize,
    starts: &[u32],
    work: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let no_rows: &mut [()] = &mut [];
    for_each_doc2(out, width, no_rows, 0, starts, work, |doc_idx, rows, _| f(doc_idx, rows));
}

/// [`for_each_doc`] with two outputs that have the same document bounds.
pub fn for_each_doc2<A: Send, B: Send>(
    a: &mut [A],
    a_width: usize,
    b: &mut [B],
    b_width: usize,
    starts: &[u32],
    work: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    if starts.len() > 1 {
        divide(0, starts, (a, a_width), (b, b_width), work, &f);
    }
}

fn divide<A: Send, B: Send>(
    first_doc: usize,
    starts: &[u32],
    (mut a, a_width): (&mut [A], usize),
    (mut b, b_width): (&mut [B], usize),
    work: usize,
    f: &(impl Fn(usize, &mut [A], &mut [B]) + Sync),
) {
    let n_docs = starts.len() - 1;
    if n_docs == 1 || work < PARALLEL_FROM {
        for (doc_idx, bounds) in starts.windows(2).enumerate() {
            let n_rows = (bounds[1] - bounds[0]) as usize;
            let (a_doc, a_rest) = std::mem::take(&mut a).split_at_mut(n_rows * a_width);
            let (b_doc, b_rest) = std::mem::take(&mut b).split_at_mut(n_rows * b_width);
            f(first_doc + doc_idx, a_doc, b_doc);
            (a, b) = (a_rest, b_rest);
        }
        return;
    }
    let middle = n_docs / 2;
    let n_rows = (starts[middle] - starts[0]) as usize;
    let (a, a_right) = a.split_at_mut(n_rows * a_width);
    let (b, b_right) = b.split_at_mut(n_rows * b_width);
    rayon::join(
        || divide(first_doc, &starts[..=middle], (a, a_width), (b, b_width), work / 2, f),
        || divide(first_doc + middle, &starts[middle..], (a_right, a_width), (b_right, b_width), work - work / 2, f),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_gets_its_own_rows_once() {
        let starts: Vec<u32> = (0..=1000u32).map(|d| d * 3 - d.min(500)).collect();
        let n_rows = *starts.last().unwrap() as usize;
        let (mut a, mut b) = (vec![0usize; n_rows * 2], vec![0u32; n_rows]);
        for_each_doc2(&mut a, 2, &mut b, 1, &starts, 1 << 20, |doc_idx, a, b| {
            a.iter_mut().for_each(|x| *x += doc_idx + 1);
            b.iter_mut().for_each(|x| *x += doc_idx as u32 + 1);
        });
        for doc_idx in 0..1000 {
            let rows = starts[doc_idx] as usize..starts[doc_idx + 1] as usize;
            assert!(b[rows.clone()].iter().all(|&x| x as usize == doc_idx + 1));
            assert!(a[rows.start * 2..rows.end * 2].iter().all(|&x| x == doc_idx + 1));
        }
        for_each_doc(&mut a, 2, &[], 0, |_, _| panic!("no document"));
    }
}
