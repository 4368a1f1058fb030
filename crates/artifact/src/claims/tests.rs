use std::time::{Duration, UNIX_EPOCH};

use nkeys::KeyPair;

use super::*;

fn component() -> Vec<u8> {
    wat::parse_str(r#"(component (core module (func (export "f"))) (@custom "note" "x"))"#).unwrap()
}

fn at(seconds: u64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn signed(times: Times) -> (Vec<u8>, KeyPair) {
    let (account, module) = (KeyPair::new_account(), KeyPair::new_module());
    let claims = ComponentClaims {
        name: Some("web".to_owned()),
        revision: Some(7),
        version: Some("1.2".to_owned()),
        tags: Some(vec!["a".to_owned(), "b".to_owned()]),
        ..ComponentClaims::default()
    };
    let wasm = sign(&component(), &module.public_key(), claims, times, &account).unwrap();
    (wasm, account)
}

#[test]
fn an_unsigned_component_has_no_claims() {
    assert_eq!(verify(&component(), at(0)), Ok(None));
    assert_eq!(verify(b"text", at(0)), Err(ClaimsError::NotWasm));
}

#[test]
fn what_was_signed_is_read_and_verified() {
    let (wasm, account) = signed(Times {
        issued_at: 5,
        ..Times::default()
    });
    let claims = verify(&wasm, at(10)).unwrap().unwrap();
    assert_eq!(claims.issuer, account.public_key());
    assert!(claims.subject.starts_with('M'));
    assert_eq!((claims.name(), claims.revision()), (Some("web"), Some(7)));
    assert_eq!((claims.issued_at, claims.form), (5, Some(3)));
    assert_eq!(
        claims.component().unwrap().hash,
        hash_unsigned(&component()).unwrap()
    );
    // Signing again replaces the claims.
    let again = embed(&wasm, &read(&wasm).unwrap().unwrap()).unwrap();
    assert_eq!(again, wasm);
}

#[test]
fn changed_content_is_refused() {
    let (mut wasm, _) = signed(Times::default());
    let note = wasm.windows(5).position(|bytes| bytes == b"notex").unwrap();
    wasm[note + 4] = b'y';
    assert!(matches!(
        verify(&wasm, at(0)),
        Err(ClaimsError::Hash { .. })
    ));
}

#[test]
fn claims_of_another_signer_are_refused() {
    let (wasm, _) = signed(Times::default());
    let token = read(&wasm).unwrap().unwrap();
    let parts: Vec<&str> = token.as_str().split('.').collect();
    let other = KeyPair::new_account();
    let forged = other
        .sign(format!("{}.{}", parts[0], parts[1]).as_bytes())
        .unwrap();
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        parts[1],
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, forged)
    );
    let wasm = embed(&component(), &Token::parse(&forged).unwrap()).unwrap();
    assert!(matches!(
        verify(&wasm, at(0)),
        Err(ClaimsError::Signature { .. })
    ));
}

#[test]
fn only_accounts_sign_components() {
    let (user, module) = (KeyPair::new_module(), KeyPair::new_module());
    let signed = sign(
        &component(),
        &module.public_key(),
        ComponentClaims::default(),
        Times::default(),
        &user,
    );
    assert!(matches!(signed, Err(ClaimsError::Issuer { .. })));
}

#[test]
fn claims_are_valid_in_their_time_only() {
    let (wasm, _) = signed(Times {
        issued_at: 0,
        not_before: Some(100),
        expires_at: Some(200),
    });
    let problem = |now| match verify(&wasm, at(now)) {
        Err(ClaimsError::Time { problem, .. }) => Some(problem),
        Ok(Some(_)) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(99), Some(TimeProblem::NotYet(100)));
    assert_eq!(problem(100), None);
    assert_eq!(problem(199), None);
    assert_eq!(problem(200), Some(TimeProblem::Expired(200)));
}

#[test]
fn tokens_of_others_are_read() {
    // Fields as the signers of 1.9 write them, with ones that are not known here.
    let encode = |text: &str| {
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text)
    };
    let body = r#"{"jti":"x","iat":1,"iss":"AB","sub":"VC","wascap":{"name":"p","vendor":"v","rev":2,"ver":"0.1","target_hashes":{"x86_64-linux":"AA"},"config_schema":null,"more":1},"wascap_revision":3}"#;
    let text = format!(
        "{}.{}.AAAA",
        encode(r#"{"typ":"jwt","alg":"Ed25519"}"#),
        encode(body)
    );
    let token = Token::parse(&format!(" {text}\n")).unwrap();
    let provider = token.claims().provider().unwrap();
    assert_eq!(provider.target_hashes["x86_64-linux"], "AA");
    assert_eq!(
        token.verify(at(0)),
        Err(ClaimsError::Malformed { part: "issuer" })
    );
    for bad in ["", "a", "a.b", "a.b.c.d", &text.replace('.', "-")] {
        assert!(Token::parse(bad).is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn broken_sections_are_refused_not_followed() {
    let wasm = component();
    for end in 0..wasm.len() {
        // Cut anywhere, reading ends, with or without an error.
        drop(read(&wasm[..end]));
    }
    let mut endless = b"\0asm\x0d\0\x01\0".to_vec();
    endless.extend([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(read(&endless), Err(ClaimsError::NotWasm));
}
