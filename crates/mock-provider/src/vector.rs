//! Embedding vectors.

use crate::ids::mix;

/// Tokens that shape a vector; all of them decide its last part.
const MOST_WEIGHED: usize = 256;

/// A vector of length 1 that only the tokens decide. Texts that share tokens are near each other, equal
/// ones are equal, and fewer dimensions are a prefix, scaled, as with OpenAI's models.
pub(crate) fn unit_vector(tokens: &[u32], dimensions: usize) -> Vec<f32> {
    let whole = tokens
        .iter()
        .fold(0, |hash, token| mix(hash ^ u64::from(*token)));
    let mut sum = vec![0.0_f32; dimensions];
    let mut add = |seed: u64, weight: f32| {
        for (index, value) in sum.iter_mut().enumerate() {
            let random = mix(seed ^ (index as u64) << 32) >> 40;
            *value += weight * (random as f32 / (1_u32 << 23) as f32 - 1.0);
        }
    };
    for token in tokens.iter().take(MOST_WEIGHED) {
        add(mix(u64::from(*token)), 1.0);
    }
    add(whole, 0.5);
    let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    sum.iter_mut().for_each(|value| *value /= norm);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Encoding;

    fn vector(text: &str, dimensions: usize) -> Vec<f32> {
        unit_vector(&Encoding::Cl100k.encode(text), dimensions)
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_have_length_one_and_follow_the_text() {
        let cat = vector("the cat sat on the mat", 1536);
        assert!((cosine(&cat, &cat) - 1.0).abs() < 1e-4);
        assert_eq!(cat, vector("the cat sat on the mat", 1536));
        let near = cosine(&cat, &vector("the cat sat on the hat", 1536));
        let far = cosine(&cat, &vector("quarterly revenue guidance", 1536));
        assert!(
            near < 0.999 && near > 0.5 && near > far + 0.3,
            "{near} {far}"
        );
    }

    #[test]
    fn fewer_dimensions_are_a_scaled_prefix() {
        let (long, short) = (vector("hello", 1536), vector("hello", 256));
        let scale = short[0] / long[0];
        assert!(
            short
                .iter()
                .zip(&long)
                .all(|(s, l)| (s - l * scale).abs() < 1e-4)
        );
    }
}
