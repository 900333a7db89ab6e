"""LangGraph's graphs and LangChain's runnables, with models that need no network."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import adispatch_custom_event
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import InjectedToolCallId, tool
from langchain_model import Adder, add
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Interrupt, StreamWriter
from runner_kit import answer, said, shape, stream
from typing_extensions import TypedDict

from axon_agent.adapters import Runner, is_framework_agent, make_runner
from axon_agent.errors import RunError, StartError


async def think(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
    return {"messages": [await Adder().ainvoke(state["messages"], config)]}


async def think_alone(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await Adder().ainvoke(state["messages"])]}


def think_in_thread(state: MessagesState) -> dict[str, Any]:
    return {"messages": [Adder().invoke(state["messages"])]}


def adding(node: Any = think, tool: ToolNode | None = None, **options: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("model", node)
    graph.add_node("tools", tool or ToolNode([add]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(**options)


def one_node(state: Any, node: Any, checkpointer: Any = None, **options: Any) -> Any:
    graph = StateGraph(state, **options)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile(checkpointer=checkpointer)


def runner(found: Any) -> Runner:
    return make_runner(found, "agent", None)


async def test_a_graph_answers_with_text_conversation_and_usage() -> None:
    agent = runner(adding())
    assert agent.framework == "langgraph"
    body = await answer(agent, "one and two")
    assert body["result"] == "It is 3 "
    assert shape(body["messages"]) == [["user-prompt"], ["thinking", "tool-call"], ["tool-return"], ["text"]]
    assert body["usage"] == {
        "requests": 2,
        "tool_calls": 1,
        "input_tokens": 4,
        "cache_read_tokens": 0,
        "output_tokens": 4,
        "total_tokens": 8,
    }


@pytest.mark.parametrize("node", [think, think_alone, think_in_thread])
async def test_a_graph_streams_each_thing_once_however_its_node_calls_the_model(node: Any) -> None:
    events, body = await stream(runner(adding(node)))
    names = [name for name, _ in events]
    assert names[:3] == ["thinking.delta", "tool.call", "tool.result"]
    assert set(names[3:]) == {"text.delta"}
    assert events[0][1] == {"text": "hm"}
    assert events[1][1] == {"id": "call-1", "name": "add", "arguments": {"a": 1, "b": 2}}
    assert events[2][1] == {"id": "call-1", "result": "3"}
    assert said(events) == body["result"] == "It is 3 "
    assert body["usage"]["requests"] == 2


async def test_words_of_a_graph_come_one_by_one() -> None:
    events, _ = await stream(runner(adding()))
    assert [data["text"] for name, data in events if name == "text.delta"] == ["It ", "is ", "3 "]


async def test_messages_sent_back_are_kept_as_they_are_and_seen_by_the_graph() -> None:
    agent = runner(adding())
    first = await answer(agent, "one")
    second = await answer(agent, "two", message_history=first["messages"])
    assert second["messages"][:4] == first["messages"]
    # The model numbers its calls by the prompts that it has seen.
    assert second["messages"][5]["parts"][-1]["tool_call_id"] == "call-2"


class Scored(MessagesState):
    score: int


async def test_a_state_with_more_than_messages_is_the_result() -> None:
    graph = one_node(Scored, lambda state: {"messages": [AIMessage("Good.")], "score": state.get("score", 0) + 1})
    agent = runner(graph)
    assert (await answer(agent))["result"] == {"score": 1}
    events, body = await stream(agent, deps={"score": 4})
    assert (said(events), body["result"]) == ("Good.", {"score": 5})
    schema = agent.schema()
    assert (
        schema["output"]["properties"].keys() == schema["input"]["properties"]["deps"]["properties"].keys() == {"score"}
    )


class Context(TypedDict):
    user: str


async def test_deps_are_the_context_of_a_graph_that_has_one() -> None:
    def node(state: MessagesState, runtime: Any) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Hello {runtime.context['user']}")]}

    node.__annotations__["runtime"] = __import__("langgraph.runtime", fromlist=["Runtime"]).Runtime[Context]
    agent = runner(one_node(MessagesState, node, context_schema=Context))
    assert (await answer(agent, deps={"user": "Ada"}))["result"] == "Hello Ada"
    assert "user" in str(agent.schema()["input"]["properties"]["deps"])


class Question(TypedDict):
    question: str
    answer: str


async def test_a_state_without_messages_gets_the_prompt_in_its_text_field() -> None:
    agent = runner(one_node(Question, lambda state: {"answer": state["question"].upper()}))
    body = await answer(agent, "why")
    assert body["result"] == {"question": "why", "answer": "WHY"}
    assert shape(body["messages"]) == [["user-prompt"]]
    with pytest.raises(RunError, match="takes text, no files") as refused:
        agent.prepare({"prompt": [{"type": "file", "media_type": "image/png", "url": "https://a.example/b.png"}]})
    assert refused.value.status == 422


class Numbers(TypedDict):
    left: int
    right: int


def test_a_state_that_cannot_take_a_prompt_is_refused_at_start() -> None:
    with pytest.raises(StartError, match="takes left, right"):
        runner(one_node(Numbers, lambda state: {"left": 1}))


async def test_what_a_node_writes_is_told_as_custom() -> None:
    def node(state: MessagesState, writer: StreamWriter) -> dict[str, Any]:
        writer({"done": 0.5})
        return {"messages": [AIMessage("Done.")]}

    agent = runner(one_node(MessagesState, node))
    if sys.version_info < (3, 11):
        # LangGraph's own limit, as docs/frameworks.md says.
        with pytest.raises(RuntimeError, match="outside of a runnable context"):
            await stream(agent)
        return
    events, body = await stream(agent)
    assert events == [
        ("custom", {"name": "custom", "value": {"done": 0.5}}),
        ("text.delta", {"text": "Done."}),
    ]
    assert body["result"] == "Done."


async def test_what_a_node_dispatches_is_told_as_custom_under_its_name() -> None:
    async def node(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        await adispatch_custom_event("progress", 0.5, config=config)
        return {"messages": [AIMessage("Done.")]}

    events, _ = await stream(runner(one_node(MessagesState, node)))
    assert events[0] == ("custom", {"name": "progress", "value": 0.5})


async def test_a_model_tagged_nostream_is_not_heard() -> None:
    async def node(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        quiet = GenericFakeChatModel(messages=iter([AIMessage("secret words")])).with_config(tags=["nostream"])
        await quiet.ainvoke(state["messages"], config)
        return {"messages": [AIMessage("Open.")]}

    events, _ = await stream(runner(one_node(MessagesState, node)))
    assert said(events) == "Open."


async def test_a_checkpointer_keeps_threads_that_metadata_names() -> None:
    agent = runner(adding(checkpointer=InMemorySaver()))
    await answer(agent, "one", metadata={"thread_id": "t"})
    again = await answer(agent, "two", metadata={"thread_id": "t"})
    assert shape(again["messages"])[4] == ["user-prompt"]
    assert len(again["messages"]) == 8
    assert len((await answer(agent, "three"))["messages"]) == 4


@tool("add")
def broken(a: int, b: int) -> int:
    """Adds."""
    raise LookupError("no numbers")


async def test_a_tool_that_raises_ends_the_run_or_is_told_where_the_graph_handles_it() -> None:
    with pytest.raises(LookupError):
        await stream(runner(adding(tool=ToolNode([broken]))))
    events, body = await stream(runner(adding(tool=ToolNode([broken], handle_tool_errors=True))))
    assert [list(data) for name, data in events if name == "tool.result"] == [["id", "error"]]
    assert body["messages"][2]["parts"][0]["outcome"] == "failed"


@tool("add")
def commanding(a: int, b: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Adds."""
    return Command(update={"messages": [ToolMessage(str(a + b), tool_call_id=tool_call_id, name="add")]})


async def test_a_tool_that_commands_the_graph_is_told_once() -> None:
    events, body = await stream(runner(adding(tool=ToolNode([commanding]))))
    assert [name for name, _ in events].count("tool.call") == 1
    assert ("tool.result", {"id": "call-1", "result": "3"}) in events
    assert body["usage"]["tool_calls"] == 1


async def test_a_tool_that_a_node_calls_itself_is_told_too() -> None:
    async def node(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [AIMessage(str(await add.ainvoke({"a": 2, "b": 3}, config)))]}

    events, _ = await stream(runner(one_node(MessagesState, node)))
    (called, call), (returned, result) = events[:2]
    assert (called, call["name"], call["arguments"]) == ("tool.call", "add", {"a": 2, "b": 3})
    assert (returned, result) == ("tool.result", {"id": call["id"], "result": 5})


class Structured(MessagesState):
    structured_response: dict[str, int]
    other: int


async def test_a_structured_response_is_the_result() -> None:
    graph = one_node(Structured, lambda state: {"structured_response": {"n": 1}, "other": 2})
    assert (await answer(runner(graph)))["result"] == {"n": 1}


async def test_a_graph_that_interrupts_answers_with_what_it_asks() -> None:
    def node(state: MessagesState) -> dict[str, Any]:
        raise GraphInterrupt([Interrupt("sure?", id="i")])

    agent = runner(one_node(MessagesState, node, checkpointer=InMemorySaver()))
    for body in (await answer(agent), (await stream(agent))[1]):
        assert body["result"]["__interrupt__"][0]["value"] == "sure?"


async def test_a_cancelled_run_stops_its_node() -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async def waits(state: MessagesState) -> dict[str, Any]:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return {}

    agent = runner(one_node(MessagesState, waits))
    for ask in (answer, stream):
        entered.clear()
        left.clear()
        task = asyncio.ensure_future(ask(agent))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(left.wait(), 10)


async def test_a_chain_gets_history_and_further_variables() -> None:
    seen: list[list[BaseMessage]] = []

    def look(value: Any) -> Any:
        seen.append(value.to_messages())
        return value

    prompt = ChatPromptTemplate.from_messages(
        [("system", "Of {topic}."), MessagesPlaceholder("history"), ("human", "{question}")]
    )
    model = GenericFakeChatModel(messages=iter([AIMessage("first answer"), AIMessage("second answer")]))
    agent = runner(prompt | RunnableLambda(look) | model | StrOutputParser())
    assert agent.framework == "langchain"
    first = await answer(agent, "one", deps={"topic": "cats"})
    assert first["result"] == "first answer"
    events, second = await stream(agent, "two", deps={"topic": "dogs"}, message_history=first["messages"])
    assert [name for name, _ in events] == ["text.delta"] * 3
    assert said(events) == second["result"] == "second answer"
    assert [message.content for message in seen[1]] == ["Of dogs.", "one", "first answer", "two"]
    assert shape(second["messages"]) == [["user-prompt"], ["text"], ["user-prompt"], ["text"]]


async def test_a_chat_model_alone_is_an_agent_where_it_is_named() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello you")]))
    assert not is_framework_agent(model)
    events, body = await stream(runner(model))
    assert said(events) == body["result"] == "hello you"


async def test_a_runnable_without_a_model_streams_its_own_text() -> None:
    async def words(prompt: AsyncIterator[str]) -> AsyncIterator[str]:
        async for one in prompt:
            yield f"{one} "
            yield "indeed"

    from langchain_core.runnables import RunnableGenerator  # noqa: PLC0415

    events, body = await stream(runner(RunnableGenerator(words)), "yes")
    assert [data["text"] for _, data in events] == ["yes ", "indeed"]
    assert body["result"] == "yes indeed"


async def test_files_reach_the_model_as_blocks() -> None:
    seen: list[Any] = []

    def node(state: MessagesState) -> dict[str, Any]:
        seen.append(state["messages"][-1].content)
        return {"messages": [AIMessage("Seen.")]}

    agent = runner(one_node(MessagesState, node))
    parts = [
        {"type": "text", "text": "look"},
        {"type": "file", "media_type": "image/png", "data": "+/8="},
        {"type": "file", "media_type": "application/pdf", "url": "https://a.example/b.pdf"},
    ]
    body = await answer(agent, parts)
    await answer(agent, "again", message_history=body["messages"])
    assert seen[0] == [
        {"type": "text", "text": "look"},
        {"type": "image", "mime_type": "image/png", "base64": "+/8="},
        {"type": "file", "mime_type": "application/pdf", "url": "https://a.example/b.pdf"},
    ]


def test_tools_of_a_graph_are_in_its_schema() -> None:
    schema = runner(adding()).schema()
    assert [tool["name"] for tool in schema["tools"]] == ["add"]
    assert schema["tools"][0]["parameters"]["required"] == ["a", "b"]
    assert schema["output"] == {"type": "string"}


def test_a_model_cannot_be_given_from_outside() -> None:
    with pytest.raises(StartError, match="takes its model from the code") as caught:
        make_runner(adding(), "agent", "test")
    assert caught.value.code == "AGENT_MODEL_INVALID"
    with pytest.raises(RunError, match="takes its model from the code"):
        runner(adding()).prepare({"prompt": "hi", "model": "test"})


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"usage_limits": {"request_limit": 1}}, "usage_limits"),
        ({"deps": 3}, "deps"),
        ({"deps": {"other": 3}}, "there are none"),
        ({"message_history": [3]}, "history.0"),
    ],
)
async def test_what_a_graph_has_no_place_for_is_refused(extra: Any, told: str) -> None:
    with pytest.raises(RunError, match=told) as caught:
        await answer(runner(adding()), **extra)
    assert caught.value.status == 422


async def test_a_graph_that_shortens_its_conversation_answers_with_what_it_kept() -> None:
    from langchain_core.messages import RemoveMessage  # noqa: PLC0415
    from langgraph.graph.message import REMOVE_ALL_MESSAGES  # noqa: PLC0415

    def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), HumanMessage("all of it"), AIMessage("short")]}

    body = await answer(runner(one_node(MessagesState, node)), "a long story")
    assert [part["content"] for message in body["messages"] for part in message["parts"]] == ["all of it", "short"]
