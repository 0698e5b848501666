//! Small documents about few subjects, in two languages.

use fenlei::artifact::ModelInfo;
use fenlei::cluster::{ClusterOptions, Clustered, KChoice, cluster};
use fenlei::config::{PlanSource, load_plan};
use fenlei::data::{Dataset, Target};
use fenlei::train::Plan;

const ENGLISH: [(&str, [&str; 8]); 3] = [
    ("food", ["soup", "bread", "noodles", "kitchen", "spices", "dinner", "salad", "recipe"]),
    ("money", ["shares", "bonds", "profit", "bank", "market", "interest", "loans", "dividend"]),
    ("sport", ["goal", "match", "team", "coach", "league", "season", "striker", "stadium"]),
];

const CHINESE: [(&str, [&str; 8]); 3] = [
    ("体育", ["球队", "比赛", "教练", "联赛", "进球", "冠军", "球迷", "主场"]),
    ("美食", ["面条", "火锅", "餐厅", "厨师", "味道", "蔬菜", "早餐", "菜单"]),
    ("金融", ["股票", "基金", "银行", "利率", "贷款", "市场", "利润", "债券"]),
];

/// `n` labelled documents of a language, four words of a subject each.
fn documents(subjects: &[(&str, [&str; 8]); 3], n: usize, between: &str) -> Dataset {
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let text = |doc: usize, random: &mut dyn FnMut(usize) -> usize| {
        let words = &subjects[doc % 3].1;
        let chosen: Vec<&str> = (0..4).map(|_| words[random(8)]).collect();
        chosen.join(between)
    };
    let texts = (0..n).map(|doc| text(doc, &mut random)).collect();
    let targets = (0..n).map(|doc| Target::One((doc % 3) as u32)).collect();
    let labels = subjects.iter().map(|(label, _)| (*label).to_owned()).collect();
    Dataset::new(texts, targets, labels, false).unwrap()
}

pub fn english(n: usize) -> Dataset {
    documents(&ENGLISH, n, " ")
}

pub fn chinese(n: usize) -> Dataset {
    documents(&CHINESE, n, "，")
}

pub fn unlabelled(texts: &[&str]) -> Dataset {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let targets = vec![Target::Unlabelled; texts.len()];
    Dataset::new(texts, targets, Vec::new(), false).unwrap()
}

/// A recipe with settings.
pub fn plan(method: &str, set: &[&str]) -> Plan {
    let set = set.iter().map(|s| (*s).to_owned()).collect();
    load_plan(&PlanSource { recipe: Some(method.into()), set, ..PlanSource::default() }).unwrap()
}

pub fn found(plan: &Plan, documents: &Dataset, choice: &KChoice) -> fenlei::Result<Clustered> {
    cluster(plan, documents, choice, ClusterOptions { n_examples: 2, ..ClusterOptions::default() })
}

/// Vectors of the English words, of which those of a subject point the same way.
pub fn vectors(folder: &std::path::Path) -> std::path::PathBuf {
    let mut lines = String::new();
    for (subject, (_, words)) in ENGLISH.iter().enumerate() {
        for (i, word) in words.iter().enumerate() {
            let mut vector = [0.5, 0.0, 0.0, 0.0, 0.02 * i as f32];
            vector[1 + subject] = 1.0;
            lines += &format!("{word} {}\n", vector.map(|x| x.to_string()).join(" "));
        }
    }
    let path = folder.join("vectors.txt");
    std::fs::write(&path, lines).unwrap();
    path
}

/// What the program saves with a model.
pub fn info(found: &Clustered) -> ModelInfo {
    ModelInfo { data_fingerprint: found.fingerprint.clone(), n_train: found.assignments.len(), ..ModelInfo::default() }
}

/// The bytes of the model file.
pub fn bytes(found: &Clustered) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fenlei");
    fenlei::artifact::save(&path, &found.classifier, &info(found)).unwrap();
    std::fs::read(path).unwrap()
}

/// Every method, the averages of vectors last.
pub fn plans(folder: &std::path::Path) -> Vec<Plan> {
    let vectors = vectors(folder);
    let mut plans =
        vec![plan("k-means", &[]), plan("k-means", &["model.batch_size=20"]), plan("nmf", &[]), plan("lda", &LDA)];
    for remove in ["true", "false"] {
        let mut averaged = plan("k-means", &[&format!("model.vectors.remove_component={remove}")]);
        averaged.embeddings = Some(vectors.clone());
        plans.push(averaged);
    }
    plans
}

/// Few documents need more passes than many.
pub const LDA: [&str; 3] = ["model.batch_size=64", "model.passes=40", "model.alpha=0.1"];
