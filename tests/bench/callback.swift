// What a store in Swift adds to a call of it. Prints JSON: microseconds for each store.

import Foundation
import RelayPass

/// As little work of its own as can be.
actor MapStore: RelayStore {
  private var records: [String: StoreRecord] = [:]

  func load(_ key: String) -> StoreRecord? { records[key] }

  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) -> Bool {
    guard records[key]?.version == expected else { return false }
    records[key] = new
    return true
  }

  func scan(prefix: String, dueBefore: UInt64?, limit: Int) -> [String] { [] }
}

func micros(_ store: StoreSource) async throws -> Double {
  let environment = ProcessInfo.processInfo.environment
  let client = try RelayPass(
    .init(
      apiKey: environment["RELAYPASS_API_KEY"], baseURL: environment["RELAYPASS_BASE_URL"],
      store: store))
  let id = try await client.verifications.start(claimType: "age_over18_verified").id
  guard try await client.verifications.complete(id).status == .passed else {
    fatalError("not passed")
  }
  let rounds = 20_000
  for _ in 1...rounds { _ = try await client.verifications.get(id) }
  let taken = try await ContinuousClock().measure {
    for _ in 1...rounds { _ = try await client.verifications.get(id) }
  }
  let micros: Double = taken / Duration.microseconds(1)
  return micros / Double(rounds)
}

let (builtin, host) = (try await micros("memory:"), try await micros(.custom(MapStore())))
print(#"{"builtin": \#(builtin), "host": \#(host)}"#)
