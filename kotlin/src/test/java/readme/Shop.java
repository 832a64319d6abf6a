package readme;

import dev.relaypass.*;

public class Shop {
    private final RelayPassBlocking client = RelayPassBlocking.builder()
        .apiKey(System.getenv("RELAYPASS_API_KEY"))
        .baseUrl(System.getenv("RELAYPASS_BASE_URL"))
        .store(System.getenv("RELAYPASS_STORE"))
        .build();

    public Verification begin(int order) throws InterruptedException {
        return client.getVerifications().start("age_over18_verified", "order-" + order);
    }

    public boolean passed(String id) throws InterruptedException {
        return client.getVerifications().complete(id) instanceof Completion.Passed;
    }
}
