"""Records for the browser tests: `run` from a module's fixture with `console.run`."""

from console.records.producing import NewRecord
from console.services.topic_changes import NewTopic, create_topic
from web.api.records.sending import send


async def fill(opened, topic, records, partitions=1, **configs):
    """Makes the topic with these records: values, (key, value), or NewRecords."""
    if topic not in (await opened.client.metadata(None)).topics:
        await create_topic(
            opened.client, NewTopic(topic, partitions, configs={k.replace("_", "."): v for k, v in configs.items()})
        )
    made = [each if isinstance(each, NewRecord) else record(each) for each in records]
    answers = await send(opened, topic, made)
    for answer in answers:
        assert not isinstance(answer, Exception), answer
    return answers


def record(each):
    key, value = each if isinstance(each, tuple) else (None, each)
    return NewRecord(_bytes(key), _bytes(value), [], 0, None)


def _bytes(content):
    return content.encode() if isinstance(content, str) else content
