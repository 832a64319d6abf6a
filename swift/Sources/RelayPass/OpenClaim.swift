@preconcurrency internal import RelayPassGenerated

/// Opens a claim payload: one that was redeemed without the key at hand, or that came with an
/// error. Nothing is sent. It may be encrypted in either form, for a key in PEM or for a JWK, unless
/// the form is said. It computes for a millisecond or, with a key of 4096 bits, four.
///
/// ```swift
/// let claim = try openClaim(claimPayload: payload, decryptionKey: .pem(privateKeyPEM))
/// ```
///
/// - Parameters:
///   - claimPayload: The payload as Persona sent it.
///   - decryptionKey: The private key. With it, a payload that is not encrypted is refused.
///   - claimType: What was asked: a claim of another type is refused.
///   - encryptionForm: The relay's own (``Relay/encryptionForm``): a payload in another form is
///     refused. `auto`, the default, takes either.
/// - Throws: ``RelayPassError``: `decryption`: the key does not open it; `claimMismatch`: it
///   answers another question, is not encrypted although a key is given, or comes in another form
///   than `encryptionForm`; `protocolViolation`: it is not a claim; `invalidArgument`: the key is no RSA private key of 2048 to 4096 bits.
public func openClaim(
  claimPayload: String,
  decryptionKey: KeyMaterial? = nil,
  claimType: String? = nil,
  encryptionForm: RelayPass.EncryptionForm? = nil
) throws -> Claim {
  let opened = try translatingErrors {
    try RelayPassGenerated.openClaim(
      claimPayload: claimPayload, decryptionKey: decryptionKey?.privateTexts, claimType: claimType,
      encryptionForm: encryptionForm?.rawValue)
  }
  return Claim(opened)
}
