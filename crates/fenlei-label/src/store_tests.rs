use std::fs;

use super::*;

const WAIT: Duration = Duration::from_millis(50);

fn decision(ticket: &str, annotator: &str, item: &str, labels: &[&str]) -> Decision {
    Decision {
        ticket: ticket.to_owned(),
        annotator: annotator.to_owned(),
        kind: Kind::Label,
        item: item.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        why: "random".to_owned(),
        seconds: 1.5,
    }
}

fn open(path: &Path) -> Result<Store> {
    Store::open(path, "print", false, WAIT)
}

#[test]
fn decisions_outlive_the_program_and_one_that_is_sent_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    let mut store = open(&path).unwrap();
    let first = decision("t1", "ann", "i", &["好", "x"]);
    assert!(!store.decide(&first, 1).unwrap());
    assert!(store.decide(&first, 2).unwrap());
    let skip = Decision { kind: Kind::Skip, labels: vec![], ..decision("t2", "ann", "j", &[]) };
    store.decide(&skip, 3).unwrap();
    store.add_labels(&["b".to_owned(), "a".to_owned(), "b".to_owned()]).unwrap();
    store.add_point("{}").unwrap();
    // Not closed: as if it had been killed.
    std::mem::forget(store);
    let mut store = open(&path).unwrap();
    assert_eq!(store.decisions().unwrap(), [first, skip]);
    assert_eq!(store.labels().unwrap(), ["b", "a"]);
    assert_eq!(store.points().unwrap(), ["{}"]);
}

#[test]
fn the_last_decision_of_an_annotator_is_taken_back_once_a_ticket() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("labels.db")).unwrap();
    let (first, second, other) =
        (decision("1", "ann", "i", &["x"]), decision("2", "ann", "i", &["y"]), decision("3", "bob", "i", &["z"]));
    for decision in [&first, &second, &other] {
        store.decide(decision, 1).unwrap();
    }
    assert_eq!(store.undo("ann", "u1", 2).unwrap().as_ref(), Some(&second));
    assert_eq!(store.undo("ann", "u1", 2).unwrap().as_ref(), Some(&second));
    assert_eq!(store.decisions().unwrap(), [first.clone(), other]);
    assert_eq!(store.undo("ann", "u2", 2).unwrap(), Some(first));
    assert_eq!(store.undo("ann", "u3", 2).unwrap(), None);
    assert_eq!(store.undo("nobody", "u4", 2).unwrap(), None);
}

#[test]
fn each_decision_is_flushed_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("labels.db")).unwrap();
    let (mode, flush): (String, i64) = store
        .attempt(|db| {
            let mode = db.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            Ok((mode, db.query_row("PRAGMA synchronous", [], |row| row.get(0))?))
        })
        .unwrap();
    assert_eq!((mode.as_str(), flush), ("wal", 2));
}

#[test]
fn a_changed_file_is_told_and_can_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    open(&path).unwrap().decide(&decision("1", "ann", "i", &["x"]), 1).unwrap();
    let error = Store::open(&path, "other", false, WAIT).unwrap_err().to_string();
    assert!(error.contains("has changed since") && error.contains("--accept-changes"), "{error}");
    assert_eq!(Store::open(&path, "other", true, WAIT).unwrap().decisions().unwrap().len(), 1);
    assert!(Store::open(&path, "other", false, WAIT).is_ok());
}

#[test]
fn a_database_that_is_damaged_foreign_or_nowhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    let refused = |path: &Path| open(path).unwrap_err().to_string();
    fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    assert!(refused(&path).contains("is damaged"), "{}", refused(&path));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(refused(&path).contains("something else than labels"));
    let nowhere = refused(Path::new("no/such/folder/labels.db"));
    assert!(nowhere.contains("cannot be opened") && nowhere.contains("--db"), "{nowhere}");
    // Pages in the middle of a sound database are overwritten.
    let path = folder.path().join("torn.db");
    let mut store = open(&path).unwrap();
    for i in 0..400 {
        store.decide(&decision(&i.to_string(), "ann", &format!("item {i}"), &["a label"]), 1).unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let (from, to) = (4096, bytes.len() - 4096);
    bytes[from..to].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert!(refused(&path).contains("is damaged"), "{}", refused(&path));
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    open(&path).unwrap().attempt(|db| db.pragma_update(None, "user_version", VERSION + 1)).unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("newer program"));
}

#[test]
fn a_lock_of_another_program_and_a_full_disk_are_told_and_nothing_is_half_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    let mut store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.decide(&decision("1", "ann", "i", &["x"]), 1).unwrap_err().to_string();
    assert!(error.contains("held by another program"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.decide(&decision("1", "ann", "i", &["x"]), 1).unwrap();
    assert!(!store.changed_elsewhere().unwrap());
    other.execute_batch("INSERT INTO curve (json) VALUES ('1')").unwrap();
    assert!(store.changed_elsewhere().unwrap() && !store.changed_elsewhere().unwrap());

    store
        .attempt(|db| {
            let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0)).map(drop)
        })
        .unwrap();
    let long = "x".repeat(20_000);
    let error = store.decide(&decision("2", "ann", &long, &["x"]), 1).unwrap_err().to_string();
    assert!(error.contains("no room on the disk") && error.contains("nothing was lost"), "{error}");
    assert_eq!(store.decisions().unwrap().len(), 1);
}
