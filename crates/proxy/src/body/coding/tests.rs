use std::io::Write;

use proptest::prelude::*;

use super::*;

/// `data: {"n":0}` and so on, as Google's reference encoder codes it.
const BROTLI: &str = "1b7502e01d05ee9ec5671c2ccbf8f053e9d83056f638e66e29eca508881b63c0b98723ee3828dd828525a5bdaff6ea0300423082c66071132f0b8a92aca8355a5c6209a2242b6a8d1697548228c98a5aa3ed14";

fn events() -> Vec<u8> {
    let events = (0..40).map(|n| format!("data: {{\"n\":{n}}}\n\n"));
    events.collect::<String>().into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn brotli() -> Vec<u8> {
    let digits = BROTLI.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn coded() -> [(Coding, Vec<u8>); 3] {
    let zstd = zstd::encode_all(&events()[..], 3).unwrap();
    [
        (Coding::Gzip, gzip(&events())),
        (Coding::Brotli, brotli()),
        (Coding::Zstd, zstd),
    ]
}

fn decode<'a>(coding: Coding, parts: impl Iterator<Item = &'a [u8]>) -> io::Result<Vec<u8>> {
    let mut decoder = Decoder::new(coding)?;
    let mut decoded = Vec::new();
    for part in parts {
        decoder.push(Bytes::copy_from_slice(part));
        while let Some(piece) = decoder.next()? {
            decoded.extend_from_slice(&piece);
        }
    }
    decoded.extend_from_slice(&decoder.finish()?);
    Ok(decoded)
}

proptest! {
    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut(size in 1usize..200) {
        for (coding, bytes) in coded() {
            let decoded = decode(coding, bytes.chunks(size)).unwrap();
            prop_assert_eq!(String::from_utf8(decoded).unwrap(), String::from_utf8(events()).unwrap());
        }
    }

    #[test]
    fn what_is_cut_short_is_not_whole(left in 0.0f64..1.0) {
        for (coding, bytes) in coded() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a few hundred")]
            let left = (bytes.len() as f64 * left) as usize;
            prop_assert!(decode(coding, [&bytes[..left]].into_iter()).is_err(), "{:?} {}", coding, left);
        }
    }

    #[test]
    fn garbage_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let _ = decode(coding, [&bytes[..]].into_iter());
        }
        prop_assert!(decode(Coding::Gzip, [&bytes[..]].into_iter()).is_err());
    }
}

#[test]
fn an_event_does_not_wait_for_the_next_one() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"data: 1\n\n").unwrap();
    encoder.flush().unwrap();
    let mut decoder = Decoder::new(Coding::Gzip).unwrap();
    decoder.push(std::mem::take(encoder.get_mut()).into());
    assert_eq!(&decoder.next().unwrap().unwrap()[..], b"data: 1\n\n");

    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(b"data: 1\n\n").unwrap();
    encoder.flush().unwrap();
    let mut decoder = Decoder::new(Coding::Zstd).unwrap();
    decoder.push(std::mem::take(encoder.get_mut()).into());
    assert_eq!(&decoder.next().unwrap().unwrap()[..], b"data: 1\n\n");
}

#[test]
fn what_is_meant_to_fill_memory_is_refused() {
    let zeros = vec![0; 64 << 20];
    let zstd = zstd::encode_all(&zeros[..], 19).unwrap();
    assert!(zstd.len() < 2 * STEP, "{}", zstd.len());
    let refused = decode(Coding::Zstd, [&zstd[..]].into_iter()).unwrap_err();
    assert!(refused.to_string().contains("expands"), "{refused}");
    // What gzip can do at most is what one step has room for.
    let decoded = decode(Coding::Gzip, [&gzip(&zeros)[..]].into_iter()).unwrap();
    assert_eq!(decoded.len(), zeros.len());
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused() {
    for (log, fits) in [(23, true), (24, false)] {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(log).unwrap();
        // Without a size in its head a frame has the window that it was asked for.
        encoder.write_all(&events()).unwrap();
        encoder.flush().unwrap();
        let coded = encoder.finish().unwrap();
        let decoded = decode(Coding::Zstd, [&coded[..]].into_iter());
        assert_eq!(decoded.is_ok(), fits, "{log}: {decoded:?}");
    }
}

#[test]
fn only_one_known_coding_is_undone() {
    let coding = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
        }
        Coding::of(&headers)
    };
    assert_eq!(coding(&["gzip"]), Some(Coding::Gzip));
    assert_eq!(coding(&[" X-GZip "]), Some(Coding::Gzip));
    assert_eq!(coding(&["br"]), Some(Coding::Brotli));
    assert_eq!(coding(&["zstd"]), Some(Coding::Zstd));
    for unknown in [
        &[][..],
        &["identity"],
        &["gzip, br"],
        &["gzip", "br"],
        &["compress"],
    ] {
        assert_eq!(coding(unknown), None, "{unknown:?}");
    }
}
