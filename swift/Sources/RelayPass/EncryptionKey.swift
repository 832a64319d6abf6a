@preconcurrency internal import RelayPassGenerated

/// An RSA key pair for claims: Persona encrypts with the public half, and only this side can read
/// the answer.
///
/// The private half does not show when the key is printed; keep ``privateKeyPEM`` where secrets are
/// kept.
///
/// ```swift
/// let key = try await EncryptionKey.generate()
/// let client = try RelayPass(.init(apiKey: apiKey, decryptionKey: .pair(key)))
/// ```
public struct EncryptionKey: Sendable, Hashable {
  /// The public half in PEM (`PUBLIC KEY`): what Persona gets.
  public let publicKeyPEM: String
  /// The private half in PEM (PKCS#8). **Secret.**
  public let privateKeyPEM: String

  /// Generates a key pair with the operating system's randomness, on a thread where the arithmetic
  /// blocks nobody.
  ///
  /// ```swift
  /// let key = try await EncryptionKey.generate(bits: 3072)
  /// ```
  ///
  /// - Parameter bits: 2048, 3072 or 4096.
  /// - Throws: ``RelayPassError/Code/invalidArgument`` for another size.
  public static func generate(bits: Int = 2048) async throws -> EncryptionKey {
    let pair = try await call { number, _ in
      try await generateKeys(bits: Int64(bits), number: number)
    }
    return EncryptionKey(pair)
  }

  /// Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), without a
  /// passphrase, 2048 to 4096 bits.
  ///
  /// ```swift
  /// let key = try EncryptionKey(pem: String(contentsOfFile: path, encoding: .utf8))
  /// ```
  ///
  /// - Throws: ``RelayPassError/Code/invalidArgument`` for anything else.
  public init(pem: String) throws {
    self.init(try translatingErrors { try readKeys(privatePem: pem) })
  }

  private init(_ pair: KeyPairRecord) {
    publicKeyPEM = pair.publicKeyPem
    privateKeyPEM = pair.privateKeyPem
  }
}

extension EncryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The public half only.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: ["publicKeyPEM": publicKeyPEM, "privateKeyPEM": redact(privateKeyPEM)],
      displayStyle: .struct)
  }
}

/// A key as an argument: as an ``EncryptionKey``, of which the half that is needed is taken, or as
/// a text in PEM. It shows nothing of either.
///
/// ```swift
/// let relay = try await client.relays.create(
///   claimType: "age_over18_verified", encryptionKey: .pem(publicKeyPEM))
/// ```
public enum KeyMaterial: Sendable, Hashable {
  /// A key in PEM: the public key to encrypt with, or the private key to open with.
  case pem(String)
  /// A key pair: to encrypt, its public half travels; to open, its private half stays.
  case pair(EncryptionKey)

  var publicPEM: String {
    switch self {
    case .pem(let pem): pem
    case .pair(let key): key.publicKeyPEM
    }
  }

  var privatePEM: String {
    switch self {
    case .pem(let pem): pem
    case .pair(let key): key.privateKeyPEM
    }
  }
}

extension KeyMaterial: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Nothing of the key.
  public var description: String { "KeyMaterial([redacted])" }
  /// As ``description``.
  public var debugDescription: String { description }
  /// What a debugger and `dump` see: nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
