//! What can be told of a model by its name, where the API wants to be told.

/// A model's version, such as 4.5 for `claude-sonnet-4-5-20250929`, `claude-3-5-haiku-latest` with
/// 3.5. `None` for names of other makes.
fn version(model: &str) -> Option<(u32, u32)> {
    let start = model.find("claude-")?;
    let words = model[start..].split(['-', '.', '@', ':']);
    // Dates are no versions.
    let mut numbers = words
        .filter(|word| word.len() <= 2)
        .map(str::parse::<u32>)
        .skip_while(Result::is_err)
        .map_while(Result::ok);
    let major = numbers.next()?;
    Some((major, numbers.next().unwrap_or(0)))
}

/// Tokens that an answer may have where the client does not say: the API wants a number, and these
/// the models take.
pub(in crate::format) fn max_tokens(model: &str) -> u64 {
    match version(model) {
        Some((3, 0)) => 4096,
        Some((0..=3, _)) | None => 8192,
        Some(_) => 32_000,
    }
}

/// Whether the model decides itself how much it thinks, and is told by an effort.
pub(super) fn thinks_adaptively(model: &str) -> bool {
    version(model).is_some_and(|version| version >= (4, 6))
}

/// Whether the model refuses to be told how it chooses its tokens.
pub(super) fn samples_as_it_will(model: &str) -> bool {
    version(model).is_some_and(|version| version >= (4, 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_names_of_all_platforms() {
        let table = [
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-3-5-haiku-latest", Some((3, 5))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-opus-4-1@20250805", Some((4, 1))),
            ("anthropic/claude-opus-4.7", Some((4, 7))),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some((4, 5))),
            ("claude-latest", None),
            ("gpt-4o", None),
            ("", None),
        ];
        for (model, expected) in table {
            assert_eq!(version(model), expected, "{model}");
        }
    }
}
