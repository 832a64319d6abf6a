// Whole flows with the Swift package. Usage: flows COUNT CONCURRENCY WARMUP; prints JSON.

import Foundation
import RelayPass

let count = Int(CommandLine.arguments[1])!
let concurrency = Int(CommandLine.arguments[2])!
let warmup = Int(CommandLine.arguments[3])!
let environment = ProcessInfo.processInfo.environment
let client = try RelayPass(
  .init(apiKey: environment["RELAYPASS_API_KEY"], baseURL: environment["RELAYPASS_BASE_URL"]))

actor Left {
  private var count: Int

  init(_ count: Int) {
    self.count = count
  }

  func take() -> Bool {
    count -= 1
    return count >= 0
  }
}

func cpuSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func measure(_ count: Int) async throws -> String {
  let left = Left(count)
  let cpuBefore = cpuSeconds()
  let taken = try await ContinuousClock().measure {
    try await withThrowingTaskGroup(of: Void.self) { workers in
      for _ in 1...concurrency {
        workers.addTask {
          while await left.take() {
            let relay = try await client.relays.create(claimType: "age_over18_verified")
            let pass = try await client.relays.issuePrivacyPass(claimType: "age_over18_verified")
            let answer = try await client.relays.generateClaim(
              relayToken: relay.relayToken,
              relaySecret: relay.relaySecret,
              privacyPassToken: pass.privacyPassToken)
            guard answer.claim?.passed == true else { fatalError("not passed") }
          }
        }
      }
      try await workers.waitForAll()
    }
  }
  let cpu = cpuSeconds() - cpuBefore
  let seconds: Double = taken / Duration.seconds(1)
  return #"{"flows": \#(count), "seconds": \#(seconds), "cpu_seconds": \#(cpu)}"#
}

_ = try await measure(warmup)
print(try await measure(count))
