//! Which rows a step takes: the window at each place of a document, and what stands for wrong answers.

use fenlei_nn::kernels::word_pairs::{Inputs, Outputs};

use super::{Architecture, Stream, Targets, Training};

/// The rows of one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Step {
    rows: Vec<u32>,
    ends: Vec<u32>,
    output_rows: Vec<u32>,
    labels: Vec<f32>,
}

impl Step {
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { rows: &self.rows, ends: &self.ends }
    }

    pub fn outputs(&self) -> Outputs<'_> {
        Outputs { rows: &self.output_rows, labels: &self.labels }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.ends.clear();
        self.output_rows.clear();
        self.labels.clear();
    }

    fn end_input(&mut self) {
        self.ends.push(self.rows.len() as u32);
    }
}

/// Plans the steps of a document, one ahead, so that rows are asked for before they are needed.
pub(super) struct Planner<'a> {
    training: &'a Training<'a>,
    /// The words of the document that were not skipped.
    words: Vec<u32>,
    /// The place whose window is taken next.
    place: usize,
    stream: Stream,
    ahead: Step,
    has_ahead: bool,
}

impl<'a> Planner<'a> {
    pub fn new(training: &'a Training<'a>) -> Self {
        let (words, ahead) = (Vec::new(), Step::default());
        Self { training, words, place: 0, stream: Stream::new(0), ahead, has_ahead: false }
    }

    /// Starts with a document.
    pub fn begin(&mut self, doc: &[u32], mut stream: Stream) {
        self.words.clear();
        let stays_below = &self.training.stays_below;
        self.words.extend(doc.iter().copied().filter(|&word| (stream.bits() >> 32) < stays_below[word as usize]));
        self.stream = stream;
        self.place = 0;
        self.has_ahead = self.plan();
    }

    /// Puts the next step into `step`; false at the end of the document.
    pub fn next(&mut self, step: &mut Step) -> bool {
        if !self.has_ahead {
            return false;
        }
        std::mem::swap(step, &mut self.ahead);
        self.has_ahead = self.plan();
        true
    }

    /// Plans the step of the next place.
    fn plan(&mut self) -> bool {
        let Training { spec, bags, inputs, outputs, .. } = self.training;
        if self.words.len() < 2 || self.place >= self.words.len() {
            return false;
        }
        let (place, words) = (self.place, &self.words);
        self.place += 1;
        let step = &mut self.ahead;
        step.clear();
        let reach = 1 + self.stream.below(spec.window as u64) as usize;
        let near = place.saturating_sub(reach)..(place + reach + 1).min(words.len());
        let neighbours = near.filter(|&at| at != place).map(|at| words[at]);
        let stream = &mut self.stream;
        match (spec.architecture, bags) {
            (Architecture::SkipGram, None) => {
                for neighbour in neighbours {
                    step.rows.push(neighbour);
                    step.end_input();
                }
                aim(&self.training.targets, words[place], stream, step);
                // The other words of the next window were in this one.
                if let Some(&entering) = words.get(place + spec.window + 1) {
                    inputs.prefetch(entering);
                }
            }
            // The bag of the word is summed once for all its neighbours.
            (Architecture::SkipGram, Some(bags)) => {
                step.rows.extend_from_slice(bags.of(words[place]));
                step.end_input();
                for neighbour in neighbours {
                    aim(&self.training.targets, neighbour, stream, step);
                }
            }
            (Architecture::Cbow, None) => {
                step.rows.extend(neighbours);
                step.end_input();
                aim(&self.training.targets, words[place], stream, step);
            }
            (Architecture::Cbow, Some(bags)) => {
                neighbours.for_each(|neighbour| step.rows.extend_from_slice(bags.of(neighbour)));
                step.end_input();
                aim(&self.training.targets, words[place], stream, step);
            }
        }
        step.output_rows.iter().for_each(|&row| outputs.prefetch(row));
        true
    }
}

/// Adds the outputs that tell a word from the others.
fn aim(targets: &Targets, word: u32, stream: &mut Stream, step: &mut Step) {
    match targets {
        Targets::Drawn(n, draw) => {
            step.output_rows.push(word);
            step.labels.push(1.0);
            for _ in 0..*n {
                let other = draw.draw(stream);
                if other != word {
                    step.output_rows.push(other);
                    step.labels.push(0.0);
                }
            }
        }
        Targets::Ways(ways) => {
            let (nodes, labels) = ways.of(word);
            step.output_rows.extend_from_slice(nodes);
            step.labels.extend_from_slice(labels);
        }
    }
}
