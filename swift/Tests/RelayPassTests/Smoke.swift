import Testing
@_spi(Probe) @testable import RelayPass
@Suite struct Smoke {
  @Test func noop() async throws {
    let c = try RelayPass(.init(apiKey: "persona_sandbox_x"))
    try await c.relays.noop()
    print(c.environment, RelayPassError.examples.count)
  }
}
