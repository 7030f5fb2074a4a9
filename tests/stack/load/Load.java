import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.BatchStatement;
import com.datastax.oss.driver.api.core.cql.BatchStatementBuilder;
import com.datastax.oss.driver.api.core.cql.BatchType;
import com.datastax.oss.driver.api.core.cql.BoundStatement;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.Statement;
import com.datastax.oss.driver.api.core.data.UdtValue;
import com.datastax.oss.driver.api.core.type.UserDefinedType;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes a mixed load of realistic shape into one node: {@code java -cp DRIVER_JARS Load.java ADDRESS SCHEMA_CQL SEED OPERATIONS}.
 *
 * <p>Statements, values and write timestamps depend on the seed alone (except what the server decides: counter timestamps,
 * list cell paths, local deletion times), so two runs with the same arguments write the same mutations.
 */
public class Load {
    private static final int IN_FLIGHT_MAX = 128;
    private static final int GROUP_STATEMENTS = 20;
    private static final long FIRST_TIMESTAMP_MICROS = 1_750_000_000_000_000L;
    private static final int MICROS_PER_OPERATION = 41;
    private static final int CUSTOMERS = 20_000;
    private static final int SENSORS = 3_000;
    private static final String[] WORDS =
            ("alpha breeze canal delta ember falcon garnet harbor island juniper kernel lantern meadow nickel orchid "
                            + "pepper quartz ribbon saddle timber umber velvet walnut yonder zephyr")
                    .split(" ");
    private static final String[] STATUSES = {"placed", "paid", "packed", "shipped", "delivered", "returned"};

    private final CqlSession session;
    private final SplittableRandom random;
    private final Semaphore slots = new Semaphore(IN_FLIGHT_MAX);
    private final AtomicLong failures = new AtomicLong();
    private final UserDefinedType address;
    /** Orders that later operations may change or delete: customer and time of order. */
    private final List<UUID[]> recentOrders = new ArrayList<>();
    /** Readings so far per sensor: each next one is ten seconds later. */
    private final int[] readings = new int[SENSORS];
    private BatchStatementBuilder group = BatchStatement.builder(BatchType.UNLOGGED);
    private long operation;

    private final PreparedStatement reading, site, event, order, orderStatus, orderItem, orderTags, orderDelete;
    private final PreparedStatement eventsDelete, user, userSeen, userPreference, userColumnDelete, userDelete, views, audit;

    public static void main(String[] arguments) throws Exception {
        var options =
                DriverConfigLoader.programmaticBuilder()
                        .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(60))
                        .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, Duration.ofSeconds(30))
                        .build();
        try (CqlSession session =
                CqlSession.builder()
                        .addContactPoint(new InetSocketAddress(arguments[0], 9042))
                        .withLocalDatacenter("datacenter1")
                        .withConfigLoader(options)
                        .build()) {
            for (String statement : Files.readAllLines(Path.of(arguments[1]))) {
                if (!statement.isBlank()) session.execute(statement);
            }
            new Load(session, Long.parseLong(arguments[2])).run(Long.parseLong(arguments[3]));
        }
    }

    private Load(CqlSession session, long seed) {
        this.session = session;
        random = new SplittableRandom(seed);
        address = session.getMetadata().getKeyspace("bench").orElseThrow()
                .getUserDefinedType(CqlIdentifier.fromCql("address")).orElseThrow();
        reading = prepare("INSERT INTO sensor_readings (sensor, day, at, temperature, humidity, pressure, battery, status,"
                + " firmware) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL 7776000");
        site = prepare("UPDATE sensor_readings SET site = ? WHERE sensor = ? AND day = ?");
        event = prepare("INSERT INTO events (tenant, bucket, id, kind, actor, source, payload, severity, handled)"
                + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        eventsDelete = prepare("DELETE FROM events WHERE tenant = ? AND bucket = ? AND id < ?");
        order = prepare("INSERT INTO orders (customer, placed, status, total, currency, quantity, ship_to, items, tags,"
                + " attributes, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        orderStatus = prepare("UPDATE orders SET status = ?, updated = ? WHERE customer = ? AND placed = ?");
        orderItem = prepare("UPDATE orders SET items = items + ?, quantity = ?, updated = ? WHERE customer = ? AND placed = ?");
        orderTags = prepare("UPDATE orders SET tags = tags + ?, attributes[?] = ? WHERE customer = ? AND placed = ?");
        orderDelete = prepare("DELETE FROM orders WHERE customer = ? AND placed = ?");
        user = prepare("INSERT INTO users (id, name, email, country, born, home, preferences, roles, logins, last_seen)"
                + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        userSeen = prepare("UPDATE users SET logins = ?, last_seen = ? WHERE id = ?");
        userPreference = prepare("UPDATE users SET preferences[?] = ?, home.city = ? WHERE id = ?");
        userColumnDelete = prepare("DELETE email, preferences[?] FROM users WHERE id = ?");
        userDelete = prepare("DELETE FROM users WHERE id = ?");
        views = prepare("UPDATE page_views SET views = views + ?, clicks = clicks + ? WHERE page = ? AND day = ?");
        audit = prepare("INSERT INTO audit (day, at, actor, action) VALUES (?, ?, ?, ?)");
    }

    private PreparedStatement prepare(String statement) {
        return session.prepare(statement.replaceFirst("(INTO|FROM|UPDATE) ", "$1 bench."));
    }

    private void run(long operations) throws InterruptedException {
        long started = System.nanoTime();
        for (operation = 0; operation < operations; operation++) {
            Statement<?> statement = next();
            if (statement instanceof BoundStatement single && single.getPreparedStatement() != views) group(single);
            else write(statement);
        }
        writeGroup();
        slots.acquire(IN_FLIGHT_MAX);
        System.out.printf("%d operations in %.0f s, %d failed%n", operations, (System.nanoTime() - started) / 1e9, failures.get());
        if (failures.get() > 0) System.exit(1);
    }

    /** Sends single statements in groups, which spares requests; each partition still gets its own mutation. */
    private void group(BoundStatement statement) throws InterruptedException {
        group.addStatement(statement);
        if (group.getStatementsCount() == GROUP_STATEMENTS) writeGroup();
    }

    private void writeGroup() throws InterruptedException {
        if (group.getStatementsCount() > 0) write(group.build().setQueryTimestamp(timestamp()));
        group = BatchStatement.builder(BatchType.UNLOGGED);
    }

    private void write(Statement<?> statement) throws InterruptedException {
        slots.acquire();
        session.executeAsync(statement).whenComplete((rows, error) -> {
            if (error != null && failures.incrementAndGet() <= 10) System.err.println(error);
            slots.release();
        });
    }

    /** Returns the next statement; the shares are per thousand. */
    private Statement<?> next() {
        int share = random.nextInt(1000);
        if (share < 300) return newReading(random.nextInt(SENSORS));
        if (share < 320) return readingsBatch();
        if (share < 330) return newSite(random.nextInt(SENSORS));
        if (share < 560) return newEvent();
        if (share < 565) return eventsDelete.bind("tenant-" + random.nextInt(200), random.nextInt(64), timeUuid(operation / 2));
        if (share < 700) return newOrder();
        if (share < 820) return orderChange();
        if (share < 835) return orderBatch();
        if (share < 895) return newUser();
        if (share < 970) return userChange();
        if (share < 990) return views.bind((long) random.nextInt(1, 5), (long) random.nextInt(2), "/" + word() + "/" + random.nextInt(200), day());
        return audit.bind(day(), timeUuid(operation), customer(), "action " + word() + " " + word());
    }

    private BoundStatement newReading(int sensor) {
        Instant at = Instant.ofEpochMilli(1_750_000_000_000L + 10_000L * readings[sensor]++);
        return reading.bind(id(1, sensor), dayOf(at), at, 15 + 20 * random.nextDouble(), 100 * random.nextDouble(),
                950 + 100 * random.nextDouble(), (float) random.nextDouble(), random.nextInt(50) == 0 ? "degraded" : "ok",
                "v" + (1 + sensor % 4) + ".12." + sensor % 9);
    }

    /** Returns a batch of one partition: Cassandra makes it one mutation of ten rows. */
    private Statement<?> readingsBatch() {
        int sensor = random.nextInt(SENSORS);
        var batch = BatchStatement.builder(BatchType.UNLOGGED);
        for (int row = 0; row < 10; row++) batch.addStatement(newReading(sensor));
        return batch.build().setQueryTimestamp(timestamp());
    }

    private BoundStatement newSite(int sensor) {
        return site.bind("site " + word() + "-" + random.nextInt(100), id(1, sensor), dayOf(Instant.ofEpochMilli(1_750_000_000_000L + 10_000L * readings[sensor])));
    }

    private BoundStatement newEvent() {
        StringBuilder payload = new StringBuilder("{\"path\":\"/" + word() + "/" + word() + "\",\"status\":" + (200 + random.nextInt(300)));
        for (int field = random.nextInt(2, 6); field > 0; field--) payload.append(",\"").append(word()).append("\":\"").append(word()).append(random.nextInt(10_000)).append('"');
        return event.bind("tenant-" + random.nextInt(200), random.nextInt(64), timeUuid(operation), word() + ".changed", customer(),
                inet(), payload.append('}').toString(), (byte) random.nextInt(8), random.nextBoolean());
    }

    private BoundStatement newOrder() {
        UUID customer = customer(), placed = timeUuid(operation);
        if (recentOrders.size() < 50_000) recentOrders.add(new UUID[] {customer, placed});
        else recentOrders.set(random.nextInt(50_000), new UUID[] {customer, placed});
        List<String> items = new ArrayList<>();
        for (int item = random.nextInt(1, 4); item > 0; item--) items.add(sku());
        return order.bind(customer, placed, STATUSES[0], BigDecimal.valueOf(random.nextInt(100, 1_000_000), 2), "EUR", items.size(),
                home(), items, Set.of(word()), Map.of("channel", random.nextBoolean() ? "web" : "app"), now());
    }

    private BoundStatement orderChange() {
        if (recentOrders.isEmpty()) return newOrder();
        UUID[] order = recentOrders.get(random.nextInt(recentOrders.size()));
        int kind = random.nextInt(12);
        if (kind < 7) return orderStatus.bind(STATUSES[random.nextInt(STATUSES.length)], now(), order[0], order[1]);
        if (kind < 9) return orderItem.bind(List.of(sku()), random.nextInt(1, 9), now(), order[0], order[1]);
        if (kind < 11) return orderTags.bind(Set.of(word()), word(), word() + " " + word(), order[0], order[1]);
        return orderDelete.bind(order[0], order[1]);
    }

    /** Returns a logged batch over two tables: Cassandra writes the batch log's mutations as well. */
    private Statement<?> orderBatch() {
        BoundStatement order = newOrder();
        return BatchStatement.builder(BatchType.LOGGED)
                .addStatement(order)
                .addStatement(userSeen.bind(random.nextInt(1000), now(), order.getUuid(0)))
                .build()
                .setQueryTimestamp(timestamp());
    }

    private BoundStatement newUser() {
        String name = word() + " " + word();
        return user.bind(customer(), name, name.replace(' ', '.') + random.nextInt(1000) + "@example.org", "DE", LocalDate.ofEpochDay(random.nextInt(18_000)),
                home(), Map.of("theme", word(), "language", "de"), Set.of("customer"), 1, now());
    }

    private BoundStatement userChange() {
        int kind = random.nextInt(15);
        if (kind < 9) return userSeen.bind(random.nextInt(1000), now(), customer());
        if (kind < 12) return userPreference.bind(word(), word(), word(), customer());
        if (kind < 14) return userColumnDelete.bind(word(), customer());
        return userDelete.bind(customer());
    }

    private long timestamp() {
        return FIRST_TIMESTAMP_MICROS + operation * MICROS_PER_OPERATION;
    }

    private Instant now() {
        return Instant.ofEpochMilli(timestamp() / 1000);
    }

    private LocalDate day() {
        return LocalDate.of(2025, 6, 15).plusDays(random.nextInt(10));
    }

    private static LocalDate dayOf(Instant at) {
        return LocalDate.ofEpochDay(at.getEpochSecond() / 86_400);
    }

    private String word() {
        return WORDS[random.nextInt(WORDS.length)];
    }

    private String sku() {
        return word() + "-" + random.nextInt(10_000, 100_000);
    }

    private UUID customer() {
        return id(2, random.nextInt(CUSTOMERS));
    }

    private UdtValue home() {
        return address.newValue(word() + " street " + random.nextInt(200), word(), "" + random.nextInt(10_000, 99_999), "DE");
    }

    private InetAddress inet() {
        try {
            return InetAddress.getByAddress(new byte[] {10, (byte) random.nextInt(256), (byte) random.nextInt(256), (byte) random.nextInt(256)});
        } catch (java.net.UnknownHostException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** Returns the same version 4 id for the same kind and number. */
    private static UUID id(int kind, int number) {
        SplittableRandom bits = new SplittableRandom(((long) kind << 32) | number);
        return new UUID((bits.nextLong() & ~0xf000L) | 0x4000L, (bits.nextLong() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L);
    }

    /** Returns a version 1 id whose time grows with the operation. */
    private static UUID timeUuid(long operation) {
        long ticks = 0x01ef_0000_0000_0000L + operation * 10 * MICROS_PER_OPERATION;
        long high = (ticks << 32) | ((ticks >>> 16) & 0xffff_0000L) | 0x1000L | ((ticks >>> 48) & 0x0fff);
        return new UUID(high, 0x8000_1234_5678_9abcL);
    }
}
