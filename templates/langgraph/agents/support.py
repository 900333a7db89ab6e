from itertools import cycle

from langchain_core.language_models import GenericFakeChatModel
from langgraph.graph import START, MessagesState, StateGraph

# Answers without a key. A real one, with the line `env` in axon.config.ts:
# from langchain_openai import ChatOpenAI; model = ChatOpenAI(model="gpt-5")
model = GenericFakeChatModel(messages=cycle(["It is sunny in Rome."]))


async def answer(state: MessagesState) -> dict:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("answer", answer)
graph.add_edge(START, "answer")
agent = graph.compile()
