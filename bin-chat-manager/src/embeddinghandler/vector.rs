//! A text as a direction: texts that mean the same point alike, whatever their words.

/// Numbers that a vector has at most.
pub(crate) const DIMENSIONS_MAX: usize = 2_048;

/// A direction: its length is 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vector(Vec<f32>);

impl Vector {
    /// The direction of these numbers; none where they have none, or are too many.
    pub(crate) fn new(mut parts: Vec<f32>) -> Option<Self> {
        let length = parts.iter().map(|part| part * part).sum::<f32>().sqrt();
        if parts.len() > DIMENSIONS_MAX || !length.is_normal() {
            return None;
        }
        for part in &mut parts {
            *part /= length;
        }
        Some(Self(parts))
    }

    /// As it is kept: each number in four bytes, the lowest first.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    /// How alike a kept one is, from -1 to 1; none where it has another form.
    pub(crate) fn cosine(&self, kept: &[u8]) -> Option<f32> {
        let (parts, rest) = kept.as_chunks::<4>();
        if !rest.is_empty() || parts.len() != self.0.len() {
            return None;
        }
        let pairs = self.0.iter().zip(parts);
        let sum = pairs
            .map(|(own, other)| own * f32::from_le_bytes(*other))
            .sum::<f32>();
        sum.is_finite().then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn vector(parts: &[f32]) -> Vector {
        Vector::new(parts.to_vec()).unwrap()
    }

    #[rstest]
    #[case::same(&[2.0, 0.0], &[5.0, 0.0], 1.0)]
    #[case::across(&[2.0, 0.0], &[0.0, 3.0], 0.0)]
    #[case::against(&[1.0, 1.0], &[-1.0, -1.0], -1.0)]
    fn directions_are_compared_and_not_lengths(
        #[case] one: &[f32],
        #[case] other: &[f32],
        #[case] expected: f32,
    ) {
        let found = vector(one).cosine(&vector(other).bytes()).unwrap();
        assert!((found - expected).abs() < 1e-6, "{found}");
    }

    #[rstest]
    #[case::nothing(&[])]
    #[case::no_direction(&[0.0, 0.0])]
    #[case::no_number(&[1.0, f32::NAN])]
    #[case::endless(&[1.0, f32::INFINITY])]
    #[case::too_long(&[f32::MAX, f32::MAX])]
    #[case::too_many(&[1.0; DIMENSIONS_MAX + 1])]
    fn what_has_no_direction_is_no_vector(#[case] parts: &[f32]) {
        assert_eq!(Vector::new(parts.to_vec()), None);
    }

    #[rstest]
    #[case::of_another_model(&[0; 12])]
    #[case::cut_off(&[0; 7])]
    #[case::nothing(&[])]
    fn bytes_of_another_form_are_not_compared(#[case] kept: &[u8]) {
        assert_eq!(vector(&[1.0, 0.0]).cosine(kept), None);
    }

    #[test]
    fn it_is_kept_with_the_lowest_byte_first() {
        assert_eq!(vector(&[1.0]).bytes(), 1.0_f32.to_le_bytes());
    }
}
