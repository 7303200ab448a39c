"""How clients in common languages connect to this cluster, with its real address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """One language: what to install, and a few lines that send a record and read it."""

    language: str
    install: str
    code: str


_TEMPLATES = (
    (
        "Python (confluent-kafka)",
        "pip install confluent-kafka",
        """from confluent_kafka import Consumer, Producer

servers = "{servers}"
producer = Producer({{"bootstrap.servers": servers}})
producer.produce("{topic}", key="1", value="hello")
producer.flush()

consumer = Consumer({{"bootstrap.servers": servers, "group.id": "demo", "auto.offset.reset": "earliest"}})
consumer.subscribe(["{topic}"])
message = consumer.poll(10)
print(message and message.value())
consumer.close()""",
    ),
    (
        "Python (aiokafka)",
        "pip install aiokafka",
        """import asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

async def main():
    servers = "{servers}"
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait("{topic}", b"hello", key=b"1")
    async with AIOKafkaConsumer("{topic}", bootstrap_servers=servers, group_id="demo",
                                auto_offset_reset="earliest") as consumer:
        print((await consumer.getone()).value)

asyncio.run(main())""",
    ),
    (
        "Java",
        "org.apache.kafka:kafka-clients",
        """var settings = new Properties();
settings.put("bootstrap.servers", "{servers}");
settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
try (var producer = new KafkaProducer<String, String>(settings)) {{
    producer.send(new ProducerRecord<>("{topic}", "1", "hello")).get();
}}""",
    ),
    (
        "Go (franz-go)",
        "go get github.com/twmb/franz-go/pkg/kgo",
        """client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split("{servers}", ",")...))
if err != nil {{
    panic(err)
}}
defer client.Close()
record := &kgo.Record{{Topic: "{topic}", Key: []byte("1"), Value: []byte("hello")}}
if err := client.ProduceSync(context.Background(), record).FirstErr(); err != nil {{
    panic(err)
}}""",
    ),
    (
        "Node.js (KafkaJS)",
        "npm install kafkajs",
        """const {{ Kafka }} = require("kafkajs");

const kafka = new Kafka({{ brokers: "{servers}".split(",") }});
const producer = kafka.producer();
await producer.connect();
await producer.send({{ topic: "{topic}", messages: [{{ key: "1", value: "hello" }}] }});
await producer.disconnect();""",
    ),
    (
        "kcat",
        "apt install kcat",
        """echo hello | kcat -b {servers} -t {topic} -P -k 1
kcat -b {servers} -t {topic} -C -e""",
    ),
    (
        "C#",
        "dotnet add package Confluent.Kafka",
        """var config = new ProducerConfig {{ BootstrapServers = "{servers}" }};
using var producer = new ProducerBuilder<string, string>(config).Build();
await producer.ProduceAsync("{topic}", new Message<string, string> {{ Key = "1", Value = "hello" }});""",
    ),
    (
        "stoker",
        "",
        """echo hello | stoker produce {topic} -b {servers}
stoker tail {topic} -b {servers} --from beginning""",
    ),
)


def snippets(servers: str, topic: str = "orders") -> list[Snippet]:
    """All of them for that cluster. `servers` is this console's own configuration, not what anybody sent."""
    return [
        Snippet(language, install, template.format(servers=servers, topic=topic))
        for language, install, template in _TEMPLATES
    ]
