//! "Did you mean ...?": the nearest of a set of words.

/// The candidate nearest to `word`, if it is near enough to be a slip of the keys: about a third of the word's letters
/// may differ. Case is ignored; words of one or two letters are too short to guess at.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = match word.chars().count() {
        0..=2 => return None,
        n => (n + 1) / 3,
    };
    candidates.into_iter().map(|c| (distance(&word, &c.to_lowercase()), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitute = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let keys = ["port", "host", "enabled", "messages_per_second"];
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("Port", keys), Some("port"));
        assert_eq!(nearest("message_per_seconds", keys), Some("messages_per_second"));
        assert_eq!(nearest("corn", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn distances() {
        for (a, b, d) in [("", "abc", 3), ("abc", "", 3), ("abc", "acb", 1), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }
}
