import Foundation
import RelayPass

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

let environment = ProcessInfo.processInfo.environment
let client = try RelayPass(
  .init(
    apiKey: environment["RELAYPASS_API_KEY"], baseURL: environment["RELAYPASS_BASE_URL"],
    store: .url("sqlite:verifications.sqlite")))
let verification = try await client.verifications.start(
  claimType: "age_over18_verified", reference: "order-1234")
// … the visitor opens verification.hostedURL; here, a click on the sandbox's page …
var click = URLRequest(url: URL(string: verification.hostedURL!)!)
click.httpMethod = "POST"
click.httpBody = Data("result=passed".utf8)
_ = try await URLSession.shared.data(for: click)
print(try await client.verifications.complete(verification.id).status)
