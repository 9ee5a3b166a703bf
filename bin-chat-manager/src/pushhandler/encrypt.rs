//! The encryption of web push: RFC 8291 over RFC 8188, one record.

use bin_common_handler::models::error::{Error, Result};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::{SecureRandom, SystemRandom},
};

/// Size of a record: every push service takes this many bytes (RFC 8291, 4).
const RECORD: u32 = 4_096;
/// The longest text: what is left of 4,096 bytes beside header, padding and tag.
pub(super) const TEXT_MAX: usize = 3_993;
/// The last record's end (RFC 8188, 2).
const LAST: u8 = 2;
const SALT_BYTES: usize = 16;

/// What both sides know.
struct Shared<'s> {
    auth: &'s [u8],
    receiver: &'s [u8],
    sender: &'s [u8],
    secret: &'s [u8],
    salt: [u8; SALT_BYTES],
}

/// Encrypts a text for a browser: its public key and its secret.
///
/// # Errors
/// 500 where the key is no point of the curve.
pub(super) fn encrypt(receiver: &[u8], auth: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let random = SystemRandom::new();
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt).map_err(broken)?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(broken)?;
    let sender = own.compute_public_key().map_err(broken)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, receiver);
    agree_ephemeral(own, &peer, |secret| {
        let shared = Shared {
            auth,
            receiver,
            sender: sender.as_ref(),
            secret,
            salt,
        };
        sealed(&shared, text)
    })
    .map_err(broken)?
}

fn sealed(shared: &Shared<'_>, text: &[u8]) -> Result<Vec<u8>> {
    let (key, nonce) = keys(shared)?;
    let mut record = text.to_vec();
    record.push(LAST);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(broken)?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)
        .map_err(broken)?;
    let id_bytes = u8::try_from(shared.sender.len()).map_err(Error::internal)?;
    let mut body = shared.salt.to_vec();
    body.extend(RECORD.to_be_bytes());
    body.push(id_bytes);
    body.extend(shared.sender);
    body.extend(record);
    Ok(body)
}

/// Key and nonce of the content: RFC 8291, 3.3 and 3.4.
fn keys(shared: &Shared<'_>) -> Result<([u8; 16], [u8; 12])> {
    let info = [
        b"WebPush: info\0".as_slice(),
        shared.receiver,
        shared.sender,
    ];
    let material: [u8; 32] = derived(shared.auth, shared.secret, &info)?;
    let key = derived(&shared.salt, &material, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = derived(&shared.salt, &material, &[b"Content-Encoding: nonce\0"])?;
    Ok((key, nonce))
}

/// How many bytes are wanted.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived<const N: usize>(salt: &[u8], material: &[u8], info: &[&[u8]]) -> Result<[u8; N]> {
    let mut out = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(material)
        .expand(info, Bytes(N))
        .and_then(|expanded| expanded.fill(&mut out))
        .map_err(broken)?;
    Ok(out)
}

fn broken(_: ring::error::Unspecified) -> Error {
    Error::internal("a push message could not be encrypted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::pushsubscription::decoded;

    // RFC 8291, 5 and appendix A.
    #[test]
    fn the_example_of_the_standard_is_encrypted_as_it_says() {
        let read = |text| decoded(text).unwrap();
        let shared = Shared {
            auth: &read("BTBZMqHH6r4Tts7J_aSIgg"),
            receiver: &read(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            sender: &read(
                "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
            ),
            secret: &read("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"),
            salt: read("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        };
        let text = b"When I grow up, I want to be a watermelon";
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(sealed(&shared, text).unwrap(), read(expected));
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let mut wrong = vec![4; 65];
        wrong[1] = 9;
        assert!(encrypt(&wrong, &[0; 16], b"x").is_err());
    }
}
