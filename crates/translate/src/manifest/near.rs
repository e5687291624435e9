//! What a writer may have meant.

/// The candidate that is nearest to `word`, when it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // Long words would make the distance costly, and are no typos of a field's name.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= limit(word, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A third of the longer word, and at most three edits.
fn limit(word: &str, candidate: &str) -> usize {
    (word.len().max(candidate.len()) / 3).min(3)
}

/// Edits between two words; swapping two neighbours is one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_but_not_other_words() {
        let fields = [
            "host",
            "openai",
            "path",
            "pathPrefix",
            "port",
            "backendRefs",
            "timeouts",
        ];
        let table = [
            ("opnai", Some("openai")),
            ("openAI", Some("openai")),
            ("prot", Some("port")),
            ("backendRef", Some("backendRefs")),
            ("timeout", Some("timeouts")),
            ("pathprefix", Some("pathPrefix")),
            ("anthropic", None),
            ("x", None),
        ];
        for (word, want) in table {
            assert_eq!(nearest(word, &fields), want, "{word}");
        }
    }
}
