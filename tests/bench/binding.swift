// What a call of the Swift package costs that returns at once (`passes.count` of an empty `memory:`), as JSON.

import Foundation
import RelayPass

let environment = ProcessInfo.processInfo.environment
let client = try RelayPass(
  .init(
    apiKey: environment["RELAYPASS_API_KEY"], baseURL: environment["RELAYPASS_BASE_URL"],
    store: "memory:"))
let rounds = 20_000
for _ in 1...rounds { _ = try await client.passes.count(claimType: "age_over18_verified") }
let taken = try await ContinuousClock().measure {
  for _ in 1...rounds { _ = try await client.passes.count(claimType: "age_over18_verified") }
}
let micros: Double = taken / Duration.microseconds(1)
print(#"{"micros": \#(micros / Double(rounds))}"#)
