import Foundation
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
  /// The public half as the JSON of a JSON Web Key, with `kty`, `n`, `e`, `alg` and `use`: what
  /// Persona gets in that form.
  public let publicJWK: String
  /// The private half in PEM (PKCS#8). **Secret.**
  public let privateKeyPEM: String
  /// The private half as the JSON of a JSON Web Key, with its `kid`, if it was read with one.
  /// **Secret.**
  public let privateJWK: String

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
    self.init(try translatingErrors { try readKeyPair(privatePem: pem) })
  }

  /// Reads a private key that is the JSON of a JSON Web Key (RFC 7517), with `d`, `p`, `q`, `dp`,
  /// `dq` and `qi`; `alg`, if it is there, is `RSA-OAEP-256`. Its `kid`, if it has one, stays its
  /// name: a JWE that names it is opened with this key.
  ///
  /// ```swift
  /// let key = try EncryptionKey(jwk: String(contentsOfFile: path, encoding: .utf8))
  /// ```
  ///
  /// - Throws: ``RelayPassError/Code/invalidArgument`` for anything else.
  public init(jwk: String) throws {
    self.init(try translatingErrors { try readJwk(privateJwk: jwk) })
  }

  private init(_ pair: KeyPairRecord) {
    publicKeyPEM = pair.publicKeyPem
    publicJWK = pair.publicJwk
    privateKeyPEM = pair.privateKeyPem
    privateJWK = pair.privateJwk
  }

  /// Whether both are the same key pair, whatever it is named.
  public static func == (one: EncryptionKey, other: EncryptionKey) -> Bool {
    one.privateKeyPEM == other.privateKeyPEM
  }

  /// As `==` wants it.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(publicKeyPEM)
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
      children: [
        "publicKeyPEM": publicKeyPEM,
        "publicJWK": publicJWK,
        "privateKeyPEM": redact(privateKeyPEM),
        "privateJWK": redact(privateJWK),
      ],
      displayStyle: .struct)
  }
}

/// A key as an argument: as an ``EncryptionKey``, of which the half that is needed is taken, in PEM
/// or as a JSON Web Key. To open, it may be several: `[.pem(new), .pem(old)]`. It is the key itself,
/// never the name of a file, and shows nothing of it.
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
  /// A key as the JSON of a JSON Web Key (RFC 7517): public to encrypt with, private to open with.
  case jwk(String)
  /// Keys, the newest first: the first encrypts, and all of them open.
  case keys([KeyMaterial])

  /// A key as the members of a JSON Web Key. What is no JSON is refused where the key is used.
  ///
  /// ```swift
  /// let key = KeyMaterial(jwk: ["kty": "RSA", "n": modulus, "e": "AQAB"])
  /// ```
  public init(jwk members: [String: Any]) {
    let isJSON = JSONSerialization.isValidJSONObject(members)
    let json = isJSON ? try? JSONSerialization.data(withJSONObject: members) : nil
    self = .jwk(String(decoding: json ?? Data("{}".utf8), as: UTF8.self))
  }

  var publicText: String {
    switch self {
    case .pem(let text), .jwk(let text): text
    case .pair(let key): key.publicKeyPEM
    case .keys(let keys): keys.first?.publicText ?? ""
    }
  }

  var privateTexts: [String] {
    switch self {
    case .pem(let text), .jwk(let text): [text]
    case .pair(let key): [key.privateJWK]
    case .keys(let keys): keys.flatMap(\.privateTexts)
    }
  }
}

extension KeyMaterial: ExpressibleByArrayLiteral {
  /// Keys, the newest first.
  public init(arrayLiteral keys: KeyMaterial...) {
    self = .keys(keys)
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
