use std::time::{SystemTime, UNIX_EPOCH};

use nkeys::KeyPair;

use super::*;
use crate::claims::{ClaimsError, ProviderClaims, Times, Token};

const NOW: SystemTime = UNIX_EPOCH;

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn builder() -> Builder {
    Builder::new(ProviderClaims {
        name: Some("echo".to_owned()),
        vendor: "acme".to_owned(),
        ..ProviderClaims::default()
    })
    .executable(target("x86_64-linux"), vec![1; 100_000])
}

fn archive(builder: Builder, compression: Compression) -> Vec<u8> {
    let (account, provider) = (KeyPair::new_account(), KeyPair::new_service());
    let mut archive = Vec::new();
    builder
        .write(
            &mut archive,
            compression,
            &provider.public_key(),
            Times::default(),
            &account,
        )
        .unwrap();
    archive
}

/// A tar of entries as they are given, for what [`Builder`] does not write.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn token(hashes: &[(&str, &[u8])]) -> Token {
    let claims = ProviderClaims {
        target_hashes: hashes
            .iter()
            .map(|(name, bytes)| {
                (
                    (*name).to_owned(),
                    crate::digest(bytes).to_hex().to_uppercase(),
                )
            })
            .collect(),
        ..ProviderClaims::default()
    };
    Token::sign(
        &KeyPair::new_service().public_key(),
        crate::claims::About::Provider(claims),
        Times::default(),
        &KeyPair::new_account(),
    )
    .unwrap()
}

fn inspected(archive: &[u8]) -> Result<Contents, ArchiveError> {
    inspect(archive, &Limits::default(), NOW)
}

#[test]
fn what_is_packed_is_found_again() {
    for compression in [Compression::None, Compression::Gzip] {
        let archive = archive(
            builder()
                .executable(target("aarch64-macos"), vec![2; 10])
                .world(b"wit".to_vec()),
            compression,
        );
        assert!(is_archive(&archive));
        let contents = inspected(&archive).unwrap();
        assert_eq!(contents.claims.name(), Some("echo"));
        assert_eq!(contents.world.unwrap().digest, crate::digest(b"wit"));
        let targets: Vec<_> = contents.executables.keys().map(Target::as_str).collect();
        assert_eq!(targets, ["aarch64-macos", "x86_64-linux"]);

        let mut output = Vec::new();
        let limits = Limits::default();
        extract(
            &archive[..],
            &target("x86_64-linux"),
            &mut output,
            &limits,
            NOW,
        )
        .unwrap();
        assert_eq!(output, vec![1; 100_000]);
        let missing = extract(
            &archive[..],
            &target("mips-linux"),
            &mut output,
            &limits,
            NOW,
        );
        assert_eq!(
            missing.unwrap_err().to_string(),
            "the provider archive has no executable for `mips-linux`, only for `aarch64-macos`, `x86_64-linux`"
        );
    }
}

#[test]
fn more_can_be_inserted_and_signed_again() {
    let first = archive(builder(), Compression::Gzip);
    let (builder, claims) = Builder::from_archive(&first[..], &Limits::default(), NOW).unwrap();
    assert!(claims.subject.starts_with('V'));
    let second = archive(
        builder.executable(target("aarch64-linux"), vec![3]),
        Compression::None,
    );
    let contents = inspected(&second).unwrap();
    assert_eq!(contents.executables.len(), 2);
    assert_eq!(contents.executables[&target("x86_64-linux")].bytes, 100_000);
    assert_eq!(contents.claims.provider().unwrap().vendor, "acme");
}

#[test]
fn an_entry_that_is_not_what_was_signed_is_refused() {
    let token = token(&[("x86_64-linux", b"good")]);
    let with = |entries: &[(&str, &[u8])]| {
        let mut all = vec![("claims.jwt", token.as_str().as_bytes())];
        all.extend_from_slice(entries);
        inspected(&tar(&all))
    };
    with(&[("x86_64-linux.bin", b"good")]).unwrap();
    assert!(matches!(
        with(&[("x86_64-linux.bin", b"evil")]),
        Err(ArchiveError::Claims {
            source: ClaimsError::Hash { .. }
        })
    ));
    assert!(matches!(
        with(&[("aarch64-linux.bin", b"good")]),
        Err(ArchiveError::Unlisted { .. })
    ));
    assert!(matches!(
        with(&[("x86_64-linux.bin", b"good"), ("x86_64-linux.bin", b"good")]),
        Err(ArchiveError::Duplicate { .. })
    ));
    assert!(matches!(
        inspected(&tar(&[("x86_64-linux.bin", b"good")])),
        Err(ArchiveError::Unsigned)
    ));
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_given_up() {
    let archive = archive(builder(), Compression::Gzip);
    assert!(archive.len() < 5_000);
    let limits = Limits {
        unpacked_bytes_max: 50_000,
        ..Limits::default()
    };
    assert!(matches!(
        inspect(&archive[..], &limits, NOW),
        Err(ArchiveError::TooLarge { bytes_max: 50_000 })
    ));
    let limits = Limits {
        entry_bytes_max: 50_000,
        ..Limits::default()
    };
    assert!(matches!(
        inspect(&archive[..], &limits, NOW),
        Err(ArchiveError::EntryTooLarge { bytes: 100_000, .. })
    ));
    let limits = Limits {
        entries_max: 1,
        ..Limits::default()
    };
    assert!(matches!(
        inspect(&archive[..], &limits, NOW),
        Err(ArchiveError::TooMany { entries_max: 1 })
    ));
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b"text"[..], b"", b"\x1f\x8b broken"] {
        assert!(inspected(bytes).is_err(), "{bytes:?} was accepted");
    }
    let archive = archive(builder(), Compression::Gzip);
    assert!(matches!(
        inspected(&archive[..archive.len() / 2]),
        Err(ArchiveError::Malformed { .. })
    ));
}
