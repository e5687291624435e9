//! Chunks in one piece and in many.

use proptest::prelude::*;

use super::*;

/// What comes out of a body: data, trailers and what stands behind it, or the error.
type Read = Result<(Vec<u8>, Option<HeaderMap>, Option<usize>), Garbage>;

/// Reads the body from pieces; the place of its end is counted from the start.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut chunks = Chunks::default();
    let mut data = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let mut at = 0;
        loop {
            match chunks.step(piece, &mut at)? {
                Step::Data(range) => data.extend_from_slice(&piece[range]),
                Step::More => break,
                Step::End(trailers) => return Ok((data, trailers, Some(before + at))),
            }
        }
        assert_eq!(at, piece.len());
        before += at;
    }
    Ok((data, None, None))
}

fn data(text: &str) -> Result<String, Garbage> {
    let (data, _, _) = read([text.as_bytes()])?;
    Ok(String::from_utf8(data).unwrap())
}

#[test]
fn data_trailers_and_what_follows() {
    let text =
        b"5\r\nhello\r\n6 ; a=\"b\"\r\n world\r\n000\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\nHTTP/1.1";
    let (data, trailers, end) = read([&text[..]]).unwrap();
    assert_eq!(data, b"hello world");
    let trailers = trailers.unwrap();
    let sums: Vec<_> = trailers.get_all("x-sum").iter().collect();
    assert_eq!(sums, ["1", "2"]);
    assert_eq!(end, Some(text.len() - 8));
}

#[test]
fn what_is_no_chunk() {
    for text in [
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "0x5\r\n",
        ";a\r\n",
        " 5\r\nhello\r\n",
        "5\nhello\r\n",
        "5 5\r\nhello\r\n",
        "5;a\nb\r\nhello\r\n",
        "5\r\rhello\r\n",
        "00000000000000005\r\nhello\r\n",
    ] {
        assert_eq!(data(text), Err(Garbage::ChunkSize), "{text:?}");
    }
    for text in [
        "5\r\nhello5\r\n",
        "5\r\nhello\n",
        "5\r\nhello\r5",
        "5\r\nhellooo\r\n",
    ] {
        assert_eq!(data(text), Err(Garbage::ChunkEnd), "{text:?}");
    }
    for text in [
        "0\r\nno colon\r\n\r\n",
        "0\r\nx: 1\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\nx: 1\rx",
    ] {
        assert_eq!(data(text), Err(Garbage::Trailers), "{text:?}");
    }
}

#[test]
fn everything_but_data_has_bounds() {
    let filler = |length: usize| "a".repeat(length);
    let extension = |length: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", filler(length));
    assert_eq!(data(&extension(MAX_EXTENSIONS)).unwrap(), "x");
    let long = data(&extension(MAX_EXTENSIONS + 1));
    assert_eq!(long, Err(Garbage::ChunkExtensions));
    let several = "1;aaaaaaaa\r\nx\r\n".repeat(MAX_EXTENSIONS / 8 + 1);
    assert_eq!(data(&several), Err(Garbage::ChunkExtensions));
    let trailer = |length: usize| format!("0\r\nx: {}\r\n\r\n", filler(length - 5));
    assert_eq!(data(&trailer(MAX_TRAILERS)).unwrap(), "");
    let long = data(&trailer(MAX_TRAILERS + 1));
    assert_eq!(long, Err(Garbage::TrailersTooLarge));
    let many = format!("0\r\n{}\r\n", "x: 1\r\n".repeat(MAX_FIELDS + 1));
    assert_eq!(data(&many), Err(Garbage::TrailersTooLarge));
}

#[test]
fn the_largest_chunk_there_is() {
    let mut chunks = Chunks::default();
    let input = b"ffffffffffffffff\r\nabc";
    let mut at = 0;
    assert_eq!(chunks.step(input, &mut at), Ok(Step::Data(18..21)));
    assert_eq!(chunks.left, u64::MAX - 3);
    assert_eq!(chunks.step(input, &mut at), Ok(Step::More));
}

/// Chunked text, sound or broken somewhere.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-z]{0,4})?");
    let chunk = chunk.prop_map(|(data, extension)| {
        let mut text = format!("{:X}{extension}\r\n", data.len()).into_bytes();
        text.extend_from_slice(&data);
        text.extend_from_slice(b"\r\n");
        text
    });
    let end = "(0\r\n(X-[a-z]{1,3}: [a-z]{0,4}\r\n){0,2}\r\n)?[a-z]{0,4}";
    let broken = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(chunk, 0..5), end, broken).prop_map(|(chunks, end, broken)| {
        let mut text = chunks.concat();
        text.extend_from_slice(end.as_bytes());
        if let Some((at, byte)) = broken
            && !text.is_empty()
        {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #[test]
    fn how_a_body_is_cut_changes_nothing(
        text in bodies(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = read([&text[..]]);
        prop_assert_eq!(&read(text.chunks(1)), &whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
        prop_assert_eq!(&read(pieces), &whole);
    }
}
