public import Foundation
@preconcurrency internal import RelayPassGenerated

/// How far a verification is.
///
/// ```swift
/// let isOver = verification.status != .pending
/// ```
public enum VerificationStatus: String, Sendable, Codable, CaseIterable {
  /// There is no answer yet: the person has most likely not finished.
  case pending
  /// The claim is true.
  case passed
  /// The claim is not true, or Persona could not find out.
  case failed
  /// The session ended without an answer. Start another verification.
  case expired
}

/// A verification, as it is stored. Redacted when shown.
///
/// ```swift
/// let started = try await client.verifications.start(claimType: "age_over18_verified")
/// redirect(to: started.hostedURL)
/// ```
public struct Verification: Sendable, Hashable, Codable {
  /// Names it in later calls. No secret; it says nothing about the person.
  public let id: String
  /// What is asked.
  public let claimType: String
  /// How far it is.
  public let status: VerificationStatus
  /// The answer, once it is known.
  public let claim: Claim?
  /// A JWT for the visitor's browser; `nil` once the verification is over.
  public let sessionAccessToken: String?
  /// Persona's page for the visitor, with the token in it; `nil` once the verification is over. The
  /// page refuses requests that carry a `Referer`.
  public let hostedURL: String?
  /// The code of what keeps its pass from being bought until somebody mends it, such as
  /// `authentication` for a wrong API key; `nil` once there is a pass. Nothing is lost: the next attempt
  /// buys it.
  public let purchaseFailure: String?
  /// When the session ends: 30 minutes after it began.
  public let expiresAt: Date

  /// For tests of code that gets one; relaypass makes its own.
  public init(
    id: String,
    claimType: String,
    status: VerificationStatus,
    claim: Claim? = nil,
    sessionAccessToken: String? = nil,
    hostedURL: String? = nil,
    purchaseFailure: String? = nil,
    expiresAt: Date
  ) {
    self.id = id
    self.claimType = claimType
    self.status = status
    self.claim = claim
    self.sessionAccessToken = sessionAccessToken
    self.hostedURL = hostedURL
    self.purchaseFailure = purchaseFailure
    self.expiresAt = expiresAt
  }

  init(_ native: VerificationRecord) throws {
    guard let status = VerificationStatus(rawValue: native.status) else {
      throw RelayPassError.broken
    }
    id = native.id
    claimType = native.claimType
    self.status = status
    claim = native.claim.map(Claim.init)
    sessionAccessToken = native.sessionAccessToken
    hostedURL = native.hostedUrl
    purchaseFailure = native.purchaseFailure
    expiresAt = Date(timeIntervalSince1970: Double(native.expiresAt) / 1_000)
  }
}

extension Verification: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// All but the secrets.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "id": id,
        "claimType": claimType,
        "status": status,
        "claim": claim as Any,
        "sessionAccessToken": redact(sessionAccessToken),
        "hostedURL": redact(hostedURL),
        "purchaseFailure": purchaseFailure as Any,
        "expiresAt": expiresAt,
      ],
      displayStyle: .struct)
  }
}

/// What a verification came to, so far.
///
/// ```swift
/// if case .passed(let claim) = try await client.verifications.complete(id) {
///   log(claim.methodology)
/// }
/// ```
public enum Completion: Sendable, Hashable, Codable {
  /// The claim is true.
  case passed(Claim)
  /// The claim is not true, or Persona could not find out.
  case failed(Claim)
  /// There is no answer yet: the person has most likely not finished.
  case pending
  /// The session ended without an answer. Start another verification.
  case expired

  /// How far the verification is.
  public var status: VerificationStatus {
    switch self {
    case .passed: .passed
    case .failed: .failed
    case .pending: .pending
    case .expired: .expired
    }
  }

  /// The answer, if there is one.
  public var claim: Claim? {
    switch self {
    case .passed(let claim), .failed(let claim): claim
    case .pending, .expired: nil
    }
  }

  init(_ native: CompletionRecord) throws {
    switch (native.status, native.claim) {
    case ("passed", let claim?): self = .passed(Claim(claim))
    case ("failed", let claim?): self = .failed(Claim(claim))
    case ("pending", nil): self = .pending
    case ("expired", nil): self = .expired
    default: throw RelayPassError.broken
    }
  }
}
