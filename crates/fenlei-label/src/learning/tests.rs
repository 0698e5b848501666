use super::*;

/// Reviews that one word tells apart, and their true labels.
fn reviews(n: usize) -> (Vec<String>, Vec<String>) {
    let words = [["lovely", "fine", "warm", "clever"], ["dull", "awful", "cold", "poor"]];
    let text = |i: usize| {
        format!("a {} film about {} number {i}", words[i % 2][(i / 2) % 4], ["dogs", "ships", "cooks"][i % 3])
    };
    let label = |i: usize| if i.is_multiple_of(2) { "good" } else { "bad" };
    ((0..n).map(text).collect(), (0..n).map(|i| label(i).to_owned()).collect())
}

fn lesson(labels: &[String]) -> Lesson {
    let mut lesson = Lesson::new(false);
    labels.iter().enumerate().for_each(|(place, label)| lesson.add(place, vec![label.clone()], true));
    lesson
}

fn learned(lesson: &Lesson, texts: &[String], other: Option<&Suggestions>) -> Result<Learned> {
    learn(lesson, texts, &Groups::default(), other, &AtomicBool::new(false))
}

#[test]
fn all_documents_get_suggestions_from_a_few_labels() {
    let (texts, labels) = reviews(200);
    let learned = learned(&lesson(&labels[..60]), &texts, None).unwrap();
    assert_eq!(learned.suggestions.labels, ["bad", "good"]);
    assert_eq!(learned.suggestions.probabilities.len(), 400);
    let right = (60..200).filter(|&place| {
        let row = learned.suggestions.row(place).unwrap();
        learned.suggestions.labels[usize::from(row[1] > row[0])] == labels[place]
    });
    assert!(right.count() >= 135);
    assert_eq!((learned.point.n_labelled, learned.point.n_measured, learned.point.at_random), (60, 60, true));
    assert!(learned.point.accuracy > 0.9 && learned.point.low < learned.point.accuracy, "{:?}", learned.point);
    assert!(learned.suggestions.row(200).is_none());
}

#[test]
fn wrong_labels_are_suspected_and_the_right_ones_suggested() {
    let (texts, mut labels) = reviews(120);
    labels[30] = "bad".to_owned();
    let learned = learned(&lesson(&labels), &texts, None).unwrap();
    assert_eq!(learned.suspects, [Suspect { place: 30, suggested: vec!["good".to_owned()] }]);
}

#[test]
fn a_model_that_is_better_goes_on_suggesting() {
    let (texts, labels) = reviews(60);
    let sure = |right: f32| Suggestions {
        labels: vec!["bad".to_owned(), "good".to_owned()],
        probabilities: labels
            .iter()
            .flat_map(|label| if label == "bad" { [right, 1.0 - right] } else { [1.0 - right, right] })
            .collect(),
        decision: Some(Decision::plain(false, 0.5)),
    };
    let lesson = lesson(&labels[..20]);
    assert!(learned(&lesson, &texts, Some(&sure(0.9))).unwrap().suggestions.labels.is_empty());
    assert!(!learned(&lesson, &texts, Some(&sure(0.1))).unwrap().suggestions.labels.is_empty());
}

#[test]
fn documents_may_have_several_labels_or_none() {
    let (texts, labels) = reviews(90);
    let mut lesson = Lesson::new(true);
    for (place, label) in labels.iter().enumerate() {
        let about_dogs = texts[place].contains("dogs");
        let both = [(label == "good").then_some("good"), about_dogs.then_some("dogs")];
        lesson.add(place, both.into_iter().flatten().map(str::to_owned).collect(), false);
    }
    let learned = learned(&lesson, &texts, None).unwrap();
    assert_eq!(learned.suggestions.labels, ["dogs", "good"]);
    assert!(learned.point.accuracy > 0.8 && !learned.point.at_random, "{:?}", learned.point);
}

#[test]
fn what_is_too_little_is_told() {
    let (texts, labels) = reviews(10);
    for lesson in [lesson(&[]), lesson(&labels[..3]), lesson(&vec!["one".to_owned(); 10])] {
        let error = learned(&lesson, &texts, None).unwrap_err().to_string();
        assert!(error.contains("label more documents"), "{error}");
    }
    // A label with one document is left out, and the others are learned.
    let mut labels = labels;
    labels[9] = "odd".to_owned();
    assert_eq!(learned(&lesson(&labels), &texts, None).unwrap().suggestions.labels, ["bad", "good"]);
    // Numbers are labels too, in their own order.
    let numbers: Vec<String> = labels.iter().map(|label| if label == "good" { "10" } else { "9" }.to_owned()).collect();
    assert_eq!(learned(&lesson(&numbers), &texts, None).unwrap().suggestions.labels, ["9", "10"]);
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let (texts, labels) = reviews(60);
    let stopped = AtomicBool::new(true);
    let error = learn(&lesson(&labels), &texts, &Groups::default(), None, &stopped).unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error}");
}
