//! The agent's protocol (draft-miller-ssh-agent, §3): an agent that has one key, lists it, signs with it, and does
//! nothing else. Pure.

use super::{
    key::PrivateKey,
    wire::{Reader, Writer},
};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Bytes of the largest request: OpenSSH's own agent takes no more (`AGENT_MAX_LEN`).
const LARGEST: usize = 256 << 10;

/// Requests out of the pieces they come in: a length of four bytes before each.
#[derive(Debug, Default)]
pub(super) struct Requests(Vec<u8>);

impl Requests {
    /// Takes in a piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// The next request that is complete.
    ///
    /// # Errors
    /// Where it says of itself that it is too long.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        let mut reader = Reader(&self.0);
        match reader.number().and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length > LARGEST => Err("the request to the ssh agent is too long"),
            Some(length) if reader.0.len() >= length => {
                let rest = self.0.split_off(4 + length);
                let request = std::mem::replace(&mut self.0, rest);
                Ok(Some(request[4..].to_vec()))
            }
            _ => Ok(None),
        }
    }
}

/// The answer to a request, with its length before it.
pub(super) fn answer(request: &[u8], key: &PrivateKey) -> Vec<u8> {
    let mut reader = Reader(request);
    let answered = match reader.byte() {
        Some(REQUEST_IDENTITIES) => Some(identities(key)),
        Some(SIGN_REQUEST) => signature(reader, key),
        _ => None,
    };
    let answer = answered.unwrap_or_else(|| Writer::default().byte(FAILURE));
    Writer::default().string(&answer.0).0
}

fn identities(key: &PrivateKey) -> Writer {
    Writer::default().byte(IDENTITIES_ANSWER).number(1).string(key.public()).string(b"acre")
}

/// `None` for another key, and for a way to sign that nobody should use any more (RSA with SHA-1).
fn signature(mut request: Reader<'_>, key: &PrivateKey) -> Option<Writer> {
    let (public, data, flags) = (request.string()?, request.string()?, request.number()?);
    let signature = (public == key.public()).then(|| key.sign(data, flags))??;
    Some(Writer::default().byte(SIGN_RESPONSE).string(&signature))
}

#[cfg(test)]
mod tests {
    use super::{super::key::tests::ED25519_KEY, *};

    fn key() -> PrivateKey {
        PrivateKey::read(ED25519_KEY).unwrap()
    }

    #[test]
    fn requests_come_in_any_pieces() {
        let mut requests = Requests::default();
        for byte in [0, 0, 0, 1] {
            requests.take(&[byte]);
            assert_eq!(requests.next(), Ok(None));
        }
        requests.take(&[11, 0, 0, 0, 2, 13, 7]);
        assert_eq!(requests.next(), Ok(Some(vec![11])));
        assert_eq!(requests.next(), Ok(Some(vec![13, 7])));
        assert_eq!(requests.next(), Ok(None));
        requests.take(&[0xff; 4]);
        assert!(requests.next().is_err());
    }

    #[test]
    fn the_key_is_listed() {
        let key = key();
        let answer = answer(&[REQUEST_IDENTITIES], &key);
        let mut reader = Reader(&answer);
        let mut answer = Reader(reader.string().unwrap());
        assert_eq!((answer.byte(), answer.number()), (Some(IDENTITIES_ANSWER), Some(1)));
        assert_eq!(answer.string(), Some(key.public()));
        assert!(reader.0.is_empty());
    }

    #[test]
    fn what_it_does_not_know_it_fails() {
        let key = key();
        let other = Writer::default().byte(SIGN_REQUEST).string(b"another").string(b"data").number(0).0;
        let cut = Writer::default().byte(SIGN_REQUEST).string(key.public()).0;
        // 17: add an identity; 27: an extension.
        for request in [&[][..], &[17], &[27, 0, 0, 0, 1, 1], &other, &cut] {
            assert_eq!(answer(request, &key), [0, 0, 0, 1, FAILURE], "{request:?}");
        }
    }
}
