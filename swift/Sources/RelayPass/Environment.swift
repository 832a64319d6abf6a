// Nested: users could not tell them from others' types of these names, for the module's name is the
// class's.

extension RelayPass {
  /// Which of Persona's two worlds: passes and relays of one do not fit the other.
  ///
  /// An open type, so that a configuration's text can be given as it is; ``RelayPass/init(_:)``
  /// refuses what it does not know.
  ///
  /// ```swift
  /// let environment = RelayPass.Environment(rawValue: configuration.personaEnvironment)
  /// ```
  public struct Environment: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// Persona's own name for it.
    public let rawValue: String

    /// An environment by Persona's name for it.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// For real people; passes are billed.
    public static let production = Environment(rawValue: "production")
    /// For tests with Persona.
    public static let sandbox = Environment(rawValue: "sandbox")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// What verifications bind their passes to.
  ///
  /// ```swift
  /// let options = RelayPassOptions(store: "memory:", passBinding: .relay)
  /// ```
  public struct PassBinding: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language of relaypass.
    public let rawValue: String

    /// A binding by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// Every relay of the claim type: Persona's current generation.
    public static let claimType = PassBinding(rawValue: "claim_type")
    /// The one relay: the first generation.
    public static let relay = PassBinding(rawValue: "relay")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// How far a client goes so that Persona cannot tell whose a relay is.
  ///
  /// ```swift
  /// let options = RelayPassOptions(
  ///   anonymousProxy: "socks5h://127.0.0.1:9050", store: "memory:", passPool: 50, privacy: .strict)
  /// ```
  public struct Privacy: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language of relaypass.
    public let rawValue: String

    /// A privacy by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// What costs nothing is done; what Persona could join is told as an event.
    public static let standard = Privacy(rawValue: "standard")
    /// What Persona could join is refused, see ``RelayPassOptions/privacy``.
    public static let strict = Privacy(rawValue: "strict")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// What anonymous calls of different relays share.
  ///
  /// ```swift
  /// let options = RelayPassOptions(anonymousProxy: "socks5h://127.0.0.1:9050", isolation: .relay)
  /// ```
  public struct Isolation: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name, the same in every language of relaypass.
    public let rawValue: String

    /// An isolation by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// Connections that are open already are used again, for whatever relay.
    public static let none = Isolation(rawValue: "none")
    /// No connection, see ``RelayPassOptions/isolation``.
    public static let relay = Isolation(rawValue: "relay")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// In which form Persona gets the encryption key, and a claim comes back.
  ///
  /// ```swift
  /// let options = RelayPassOptions(decryptionKey: .pair(key), encryptionForm: .jwk)
  /// ```
  public struct EncryptionForm: RawRepresentable, Hashable, Codable, Sendable,
    CustomStringConvertible
  {
    /// The name, the same in every language of relaypass.
    public let rawValue: String

    /// A form by its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// The one that Persona takes.
    public static let auto = EncryptionForm(rawValue: "auto")
    /// PEM, and no other. The claim comes as RSA-OAEP in base64.
    public static let pem = EncryptionForm(rawValue: "pem")
    /// A JSON Web Key, and no other. The claim comes as a compact JWE.
    public static let jwk = EncryptionForm(rawValue: "jwk")

    /// The name.
    public var description: String { rawValue }
  }
}

extension RelayPass {
  /// How Persona's page for the visitor looks.
  ///
  /// ```swift
  /// let started = try await client.verifications.start(
  ///   claimType: "age_over18_verified", theme: .dark)
  /// ```
  public struct Theme: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// Persona's own name for it.
    public let rawValue: String

    /// A theme by Persona's name for it.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// Dark on light.
    public static let light = Theme(rawValue: "light")
    /// Light on dark.
    public static let dark = Theme(rawValue: "dark")
    /// As the visitor's device is set.
    public static let auto = Theme(rawValue: "auto")

    /// The name.
    public var description: String { rawValue }
  }
}
