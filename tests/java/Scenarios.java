import java.lang.reflect.InvocationTargetException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What the Java client does with our cluster, one method a scenario:
 *
 *   Scenarios --bootstrap-server SERVERS METHOD [ARGUMENT ...]
 *
 * A method that returns is content; one that is not throws and says why.
 */
public final class Scenarios {
    private static final Duration SHORT = Duration.ofMillis(100);
    private static final long MILLIS_MAX = 20_000;
    private static String servers;

    public static void main(String[] arguments) throws Throwable {
        servers = arguments[1];
        Object[] rest = List.of(arguments).subList(3, arguments.length).toArray();
        Class<?>[] types = new Class<?>[rest.length];
        java.util.Arrays.fill(types, String.class);
        try {
            Scenarios.class.getDeclaredMethod(arguments[2], types).invoke(null, rest);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    // What the scenarios share

    private static Map<String, Object> with(Object... pairs) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", servers);
        for (int i = 0; i < pairs.length; i += 2) {
            config.put((String) pairs[i], pairs[i + 1]);
        }
        return config;
    }

    private static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(with(pairs), new StringSerializer(), new StringSerializer());
    }

    private static KafkaConsumer<String, String> consumer(Object... pairs) {
        Map<String, Object> config = with(pairs);
        config.putIfAbsent("auto.offset.reset", "earliest");
        config.putIfAbsent("enable.auto.commit", "false");
        config.putIfAbsent("fetch.max.wait.ms", "50");
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    private static void same(Object expected, Object actual, String what) {
        check(expected.equals(actual), what + ": expected " + expected + ", got " + actual);
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void until(Condition condition, String what) throws Exception {
        long deadline = System.currentTimeMillis() + MILLIS_MAX;
        while (!condition.holds()) {
            check(System.currentTimeMillis() < deadline, "not within " + MILLIS_MAX + " ms: " + what);
        }
    }

    private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count)
            throws Exception {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until(() -> {
            consumer.poll(SHORT).forEach(records::add);
            return records.size() >= count;
        }, count + " records");
        return records;
    }

    private static void produce(String topic, int count) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i));
            }
            producer.flush();
        }
    }

    /** A consumer that keeps a record of its rebalances. */
    private static final class Member implements ConsumerRebalanceListener, AutoCloseable {
        final KafkaConsumer<String, String> consumer;
        final List<String> events = new ArrayList<>();

        Member(String topic, Object... pairs) {
            consumer = consumer(pairs);
            consumer.subscribe(List.of(topic), this);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            events.add("assigned " + partitions.size());
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            events.add("revoked " + partitions.size());
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            events.add("lost " + partitions.size());
        }

        Set<TopicPartition> poll() {
            consumer.poll(SHORT);
            return consumer.assignment();
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    // The scenarios

    /** Keys, headers, null values and timestamps in every codec, by an idempotent producer with acks=all. */
    static void everyCodec(String topic) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            long start;
            TopicPartition partition = new TopicPartition(topic, 0);
            try (KafkaProducer<String, String> producer = producer("compression.type", codec, "linger.ms", "20")) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int i = 0; i < 500; i++) {
                    ProducerRecord<String, String> record =
                        new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i, "k" + i, i % 10 == 0 ? null : "v" + i);
                    record.headers().add("h", ("x" + i).getBytes()).add("empty", new byte[0]).add("null", null);
                    sent.add(producer.send(record));
                }
                start = sent.get(0).get().offset();
                same(start + 499, sent.get(499).get().offset(), codec + ": the last offset");
            }
            try (KafkaConsumer<String, String> consumer = consumer("check.crcs", "true")) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, start);
                List<ConsumerRecord<String, String>> records = read(consumer, 500);
                same(500, records.size(), codec);
                for (int i = 0; i < 500; i++) {
                    ConsumerRecord<String, String> record = records.get(i);
                    same(start + i, record.offset(), codec + ": offset");
                    same("k" + i, record.key(), codec + ": key");
                    same(i % 10 == 0 ? "null" : "v" + i, String.valueOf(record.value()), codec + ": value");
                    same(1_700_000_000_000L + i, record.timestamp(), codec + ": timestamp");
                    same("x" + i, new String(record.headers().lastHeader("h").value()), codec + ": header");
                    same(0, record.headers().lastHeader("empty").value().length, codec + ": empty header");
                    check(record.headers().lastHeader("null").value() == null, codec + ": null header");
                }
            }
        }
    }

    /** Five requests in flight, small batches: every record once, in order. */
    static void idempotentOrder(String topic) throws Exception {
        int count = 5_000;
        try (KafkaProducer<String, String> producer = producer("batch.size", "512", "linger.ms", "0")) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, 0, null, "v" + i));
            }
            producer.flush();
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<String, String>> records = read(consumer, count);
            same(count, records.size(), "records");
            for (int i = 0; i < count; i++) {
                same("v" + i, records.get(i).value(), "at offset " + i);
            }
        }
    }

    static void acksZeroAndOne(String topic) throws Exception {
        for (String acks : List.of("0", "1")) {
            try (KafkaProducer<String, String> producer = producer("acks", acks, "enable.idempotence", "false")) {
                for (int i = 0; i < 100; i++) {
                    producer.send(new ProducerRecord<>(topic, "v" + i));
                }
            }
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            same(200, read(consumer, 200).size(), "records");
        }
    }

    /** Commits with metadata and leader epoch come back, and a second member of the group goes on from there. */
    static void commitAndResume(String topic, String group) throws Exception {
        produce(topic, 100);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = consumer("group.id", group, "max.poll.records", "40")) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> records = read(consumer, 1);
            ConsumerRecord<String, String> last = records.get(records.size() - 1);
            consumer.commitSync(
                Map.of(partition, new OffsetAndMetadata(last.offset() + 1, last.leaderEpoch(), "read " + last.offset())));
            OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
            same(last.offset() + 1, committed.offset(), "committed");
            same("read " + last.offset(), committed.metadata(), "metadata");
            check(committed.leaderEpoch().isPresent(), "the leader epoch is gone");
        }
        try (KafkaConsumer<String, String> consumer = consumer("group.id", group)) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> records = read(consumer, 60);
            same(40L, records.get(0).offset(), "resumed at");
            same(99L, records.get(records.size() - 1).offset(), "read to");
        }
    }

    static void offsetsByTime(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, 0, 1_000L * (i + 1), "k", "v" + i)).get();
            }
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            same(4L, consumer.offsetsForTimes(Map.of(partition, 4_500L)).get(partition).offset(), "at 4.5 s");
            check(consumer.offsetsForTimes(Map.of(partition, 99_000L)).get(partition) == null, "something after the end");
            same(Map.of(partition, 0L), consumer.beginningOffsets(List.of(partition)), "beginning");
            same(Map.of(partition, 10L), consumer.endOffsets(List.of(partition)), "end");
            same(3, consumer.partitionsFor(topic).get(0).replicas().length, "replicas");
        }
    }

    /** KIP-392: with its rack known, a consumer reads from the replica beside it. */
    static void readFromFollower(String topic) throws Exception {
        produce(topic, 100);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(with())) {
            int leader =
                admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().get(0).leader().id();
            int follower = leader % 3 + 1;
            try (KafkaConsumer<String, String> consumer = consumer("client.rack", "rack-" + follower)) {
                consumer.assign(List.of(partition));
                List<ConsumerRecord<String, String>> records = read(consumer, 100);
                same(100, records.size(), "records");
                until(() -> {
                    consumer.poll(SHORT);
                    return preferredReplica(consumer) == follower;
                }, "reading from node " + follower);
                produce(topic, 50);
                same(50, read(consumer, 50).size(), "records from the follower");
                same(follower, preferredReplica(consumer), "read from");
            }
        }
    }

    private static int preferredReplica(KafkaConsumer<String, String> consumer) {
        return consumer.metrics().entrySet().stream()
            .filter(entry -> entry.getKey().name().equals("preferred-read-replica"))
            .map(entry -> ((Number) entry.getValue().metricValue()).intValue())
            .findFirst()
            .orElse(-1);
    }

    /** KIP-429: a member that joins takes only what it gets from the first, which keeps the rest. */
    static void cooperativeRebalance(String topic, String group) throws Exception {
        Object[] config = {"group.id", group, "partition.assignment.strategy", CooperativeStickyAssignor.class.getName()};
        try (Member first = new Member(topic, config)) {
            until(() -> first.poll().size() == 6, "the first member has all partitions");
            Set<TopicPartition> before = Set.copyOf(first.consumer.assignment());
            try (Member second = new Member(topic, config)) {
                until(() -> first.poll().size() == 3 & second.poll().size() == 3, "both have three partitions");
                check(before.containsAll(first.consumer.assignment()), "the first got partitions it had not had");
                check(first.events.contains("revoked 3"), "the first had to give up more than three: " + first.events);
                check(!first.events.toString().contains("lost"), "partitions were lost: " + first.events);
            }
            until(() -> first.poll().size() == 6, "the first has all partitions again");
        }
    }

    /** KIP-345: a static member that comes back within its session gets its partitions, and nobody rebalances. */
    static void staticMembers(String topic, String group) throws Exception {
        try (Member one = new Member(topic, "group.id", group, "group.instance.id", "one")) {
            Set<TopicPartition> mine;
            try (Member two = new Member(topic, "group.id", group, "group.instance.id", "two")) {
                until(() -> one.poll().size() == 3 & two.poll().size() == 3, "both have three partitions");
                mine = Set.copyOf(two.consumer.assignment());
            }
            List<String> before = List.copyOf(one.events);
            try (Member again = new Member(topic, "group.id", group, "group.instance.id", "two")) {
                until(() -> {
                    one.poll();
                    return again.poll().size() == 3;
                }, "it is back");
                same(mine, Set.copyOf(again.consumer.assignment()), "the partitions of member two");
                same(before, one.events, "rebalances of member one");
                try (Member impostor = new Member(topic, "group.id", group, "group.instance.id", "two")) {
                    until(() -> {
                        one.poll();
                        impostor.poll();
                        try {
                            again.poll();
                            return false;
                        } catch (FencedInstanceIdException expected) {
                            return true;
                        }
                    }, "the one whose instance id was taken is told");
                }
            }
        }
        try (Admin admin = Admin.create(with())) {
            Set<String> instances = admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().stream()
                .map(member -> member.groupInstanceId().orElse("none"))
                .collect(Collectors.toCollection(TreeSet::new));
            same("[one, two]", instances.toString(), "static members stay when they close");
        }
    }

    /** A member that ends without a word is missed after its session timeout. */
    static void eagerRebalance(String topic, String group) throws Exception {
        Object[] config = {
            "group.id", group, "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RoundRobinAssignor"};
        try (Member first = new Member(topic, config)) {
            until(() -> first.poll().size() == 6, "the first member has all partitions");
            try (Member second = new Member(topic, config); Member third = new Member(topic, config)) {
                until(() -> first.poll().size() == 2 & second.poll().size() == 2 & third.poll().size() == 2,
                    "each has two partitions");
                check(first.events.contains("revoked 6"), "eager members give up all: " + first.events);
            }
            until(() -> first.poll().size() == 6, "the first has all partitions again");
        }
    }

    /** Prints what the client says to group.protocol=consumer where the feature group.version is not there. */
    static void consumerProtocol(String topic, String group) throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer("group.id", group, "group.protocol", "consumer")) {
            consumer.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + MILLIS_MAX;
            while (System.currentTimeMillis() < deadline) {
                try {
                    consumer.poll(SHORT);
                } catch (Exception error) {
                    System.out.println(error.getClass().getSimpleName() + ": " + error.getMessage());
                    return;
                }
            }
        }
        throw new AssertionError("no error within " + MILLIS_MAX + " ms");
    }

    /** Prints what initTransactions says: there is no transaction coordinator yet. */
    static void transactions(String id) {
        try (KafkaProducer<String, String> producer = producer("transactional.id", id, "max.block.ms", "3000")) {
            producer.initTransactions();
            System.out.println("ready");
        } catch (RuntimeException error) {
            System.out.println(error.getClass().getSimpleName() + ": " + error.getMessage());
        }
    }

    /** The Admin client's own ways, those that the commands do not go. */
    static void admin(String topic, String group) throws Exception {
        produce(topic, 30);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Admin.create(with());
                KafkaConsumer<String, String> consumer = consumer("group.id", group)) {
            same(3, admin.describeCluster().nodes().get().size(), "nodes");
            TopicDescription description = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            check(admin.describeTopics(org.apache.kafka.common.TopicCollection.ofTopicIds(List.of(description.topicId())))
                .allTopicIds().get().get(description.topicId()).name().equals(topic), "by topic id");
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get();
            until(() -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 2,
                "two partitions");
            same(30L, admin.listOffsets(Map.of(partition, OffsetSpec.latest())).all().get().get(partition).offset(), "end");
            long newest =
                admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).all().get().get(partition).offset();
            check(newest >= 0 && newest < 30, "of the greatest timestamp: " + newest);
            List<ProducerState> producers =
                admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
            same(1, producers.size(), "producers");
            same(29, producers.get(0).lastSequence(), "sequence");
            consumer.subscribe(List.of(topic));
            read(consumer, 30);
            consumer.commitSync();
            consumer.unsubscribe();
            Map<TopicPartition, OffsetAndMetadata> offsets =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            same(30L, offsets.get(partition).offset(), "the group's offset");
            admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(5))).all().get();
            admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(topic, 1))).all().get();
            offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            same(Map.of(partition, new OffsetAndMetadata(5)), offsets, "the group's offsets");
            admin.deleteConsumerGroups(List.of(group)).all().get();
            admin.deleteTopics(Collections.singletonList(topic)).all().get();
            until(() -> !admin.listTopics().names().get().contains(topic), "the topic is gone");
        }
    }

    /** Returns when the topic's first partition has so many replicas in sync. */
    static void untilIsr(String topic, String count) throws Exception {
        try (Admin admin = Admin.create(with())) {
            until(() -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().get(0).isr()
                .size() == Integer.parseInt(count), count + " replicas in sync");
        }
    }

    /** Produces without pause while nodes come and go; prints how many records; throws if one is lost, twice or moved. */
    static void produceUnderFire(String topic, String seconds) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer("retries", "2147483647", "delivery.timeout.ms", "60000")) {
            long end = System.currentTimeMillis() + 1_000 * Long.parseLong(seconds);
            for (int i = 0; System.currentTimeMillis() < end; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, 0, null, "v" + i)));
                if (i % 20 == 0) {
                    Thread.sleep(5);
                }
            }
            producer.flush();
        }
        for (Future<RecordMetadata> each : sent) {
            try {
                each.get();
            } catch (ExecutionException error) {
                check(!(error.getCause() instanceof OutOfOrderSequenceException), "out of order: " + error.getCause());
                throw error;
            }
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<String, String>> records = read(consumer, sent.size());
            same(sent.size(), records.size(), "records");
            for (int i = 0; i < records.size(); i++) {
                same("v" + i, records.get(i).value(), "record " + i);
            }
        }
        System.out.println(sent.size());
    }
}
