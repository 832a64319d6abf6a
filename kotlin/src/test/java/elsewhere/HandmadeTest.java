package elsewhere;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.relaypass.*;
import dev.relaypass.testing.StoreReport;
import dev.relaypass.testing.StoreViolation;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Everything that code of yours gets from relaypass can be made by hand, for tests of that code. In
 * Java, which sees nothing that is internal to the module.
 */
class HandmadeTest {
    private final RateLimit rateLimit = new RateLimit(300, 299, 60);
    private final Claim claim =
        new Claim("age_over18_verified", "passed", true, List.of(new Method("document_selfie", "passed")));

    @Test
    void theResultsOfTheThreeSteps() {
        Relay relay = new Relay("token", "secret", "jwt", "req_1", rateLimit);
        assertEquals(relay, new Relay("token", "secret", "jwt", "req_1", new RateLimit(300, 299, 60)));
        assertNull(new Relay("token", "secret", "jwt").getRequestId());
        assertEquals("pass", new PrivacyPass("pass").getPrivacyPassToken());
        GeneratedClaim generated = new GeneratedClaim("{}", true, claim);
        assertEquals("document_selfie", generated.getClaim().getMethodology().get(0).getMethod());
        assertTrue(new Claim("age_over18_verified", "failed", false).getMethodology().isEmpty());
    }

    @Test
    void verifications() {
        Verification verification =
            new Verification("1", "age_over18_verified", VerificationStatus.PENDING, Instant.EPOCH);
        assertNull(verification.getClaim());
        assertEquals(claim, new Completion.Passed(claim).getClaim());
        assertEquals(VerificationStatus.FAILED, new Completion.Failed(claim).getStatus());
        assertEquals(VerificationStatus.PENDING, Completion.Pending.INSTANCE.getStatus());
        assertEquals(VerificationStatus.EXPIRED, Completion.Expired.INSTANCE.getStatus());
    }

    @Test
    void errorsAndEvents() {
        assertEquals("not_found", new NotFoundException("gone").getCode());
        ErrorFacts facts = new ErrorFacts();
        facts.setStatus(429);
        facts.setRateLimit(rateLimit);
        RelayPassException error = new RateLimitedException("slow down", facts, new Exception("why"));
        assertEquals(299, error.getRateLimit().getRemaining());
        RelayPassEvent event = new RelayPassEvent(EventKind.KEY_CHANGED, "Persona signs with another key.");
        assertNull(event.getVerificationId());
    }

    @Test
    void whatACheckOfAStoreFound() {
        assertEquals(List.of("order"), new StoreReport(List.of("order"), List.of()).getPassed());
        assertEquals("chaos", new StoreViolation("order: chaos", "order", "chaos").getFound());
    }
}
