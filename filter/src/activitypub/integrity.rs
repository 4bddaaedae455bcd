//! Whether a document carries its own signature: an LD signature (RsaSignature2017) or an integrity proof (FEP-8b32).
//! The signature is not verified here; the server behind does that.

use super::activity::Reference;
use crate::json::{Json, Object};

/// Whether `node` has a signature or proof that claims to be made by a key of the origin of `owner`, so that the server behind
/// can believe it whoever sent it.
pub fn is_signed_by(node: &Object<'_>, owner: &Reference<'_>) -> bool {
    let signatures = node.list("signature").iter().map(|signature| (signature, "creator", "signatureValue"));
    let proofs = node.list("proof").iter().map(|proof| (proof, "verificationMethod", "proofValue"));
    signatures.chain(proofs).any(|(claim, key, value)| {
        let Json::Object(claim) = claim else { return false };
        let has_value = claim.get(value).and_then(Json::as_str).is_some_and(|value| !value.is_empty());
        let key = claim.get(key).and_then(Json::as_str);
        has_value && key.is_some_and(|key| is_key_of(key, owner))
    })
}

/// A key by URL belongs to its origin; a `did:key` belongs to the portable actor whose gateway URL holds that DID (FEP-ef61).
fn is_key_of(key: &str, owner: &Reference<'_>) -> bool {
    if key.starts_with("did:key:") {
        let did = key.split('#').next().unwrap_or_default();
        let after_gateway = owner.raw.split_once("/.well-known/apgateway/");
        return after_gateway.is_some_and(|(_, path)| path.split('/').next() == Some(did));
    }
    Reference::new(key).same_origin(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn signed(json: &str, owner: &str) -> bool {
        is_signed_by(parse(json.as_bytes()).unwrap().as_object().unwrap(), &Reference::new(owner))
    }

    #[test]
    fn a_signature_belongs_to_the_origin_of_its_key() {
        let owner = "https://a.example/u";
        for json in [
            r#"{"signature":{"type":"RsaSignature2017","creator":"https://a.example/u#main-key","signatureValue":"AA=="}}"#,
            r#"{"proof":{"type":"DataIntegrityProof","verificationMethod":"https://a.example/u#k","proofValue":"z1"}}"#,
            r#"{"proof":[{},{"verificationMethod":"https://a.example/u#k","proofValue":"z1"}]}"#,
        ] {
            assert!(signed(json, owner), "{json}");
            assert!(!signed(json, "https://b.example/u"), "{json}");
            assert!(!signed(json, "http://a.example/u"), "{json}");
        }
        for json in [
            "{}",
            r#"{"proof":{}}"#,
            r#"{"signature":null}"#,
            r#"{"signature":{"creator":"https://a.example/u#main-key"}}"#,
            r#"{"proof":{"verificationMethod":"https://a.example@b.example/u","proofValue":"z1"}}"#,
        ] {
            assert!(!signed(json, owner), "{json}");
        }
    }

    #[test]
    fn a_portable_actor_signs_with_its_did() {
        let json = r#"{"proof":{"verificationMethod":"did:key:z6Mk#z6Mk","proofValue":"z1"}}"#;
        assert!(signed(json, "https://gw.example/.well-known/apgateway/did:key:z6Mk/actor"));
        assert!(!signed(json, "https://gw.example/.well-known/apgateway/did:key:z6Mj/actor"));
        assert!(!signed(json, "https://gw.example/u"));
    }
}
