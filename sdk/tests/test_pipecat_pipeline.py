"""Against Pipecat itself, where it is installed (``pip install "pipecat-ai[openai]==1.14.0"``)."""

import asyncio
import json
from typing import Any

import pytest

from talktime_sdk import TalktimeClient
from talktime_sdk.pipecat import usage_observer

pytest.importorskip("pipecat", reason="pipecat-ai is not installed")
context = pytest.importorskip("pipecat.processors.aggregators.llm_context")
frames = pytest.importorskip("pipecat.frames.frames")
metrics = pytest.importorskip("pipecat.metrics.metrics")
openai = pytest.importorskip("pipecat.services.openai.llm")
pipeline = pytest.importorskip("pipecat.pipeline.pipeline")
processor = pytest.importorskip("pipecat.processors.frame_processor")
runner = pytest.importorskip("pipecat.workers.runner")
worker = pytest.importorskip("pipecat.pipeline.worker")


class PassOn(processor.FrameProcessor):  # type: ignore[name-defined, misc] # seen at run time
    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, frames.EndFrame):
            usage = metrics.STTUsage(audio_seconds=4.54)
            last = metrics.STTUsageMetricsData(processor="DeepgramSTTService#3", value=usage)
            await self.push_frame(frames.MetricsFrame(data=[last]))
        await self.push_frame(frame, direction)


async def test_a_real_pipeline(server: Any, client: TalktimeClient) -> None:
    """A pipeline with Pipecat's own OpenAI service and its metrics frames is billed exactly once
    per metric, however many processors pass it on, and the last usage is not lost."""
    usage = {"prompt_tokens": 56, "completion_tokens": 22, "total_tokens": 78}
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": 28}}},
    ]
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    stream = "".join(f"data: {json.dumps(whole | chunk)}\n\n" for chunk in chunks)
    stream_headers = {"Content-Type": "text/event-stream", "Connection": "close"}
    answer = (200, (stream + "data: [DONE]\n\n").encode(), stream_headers)
    server.script("POST completions", answer, answer)

    async with client.call(account_id="acme", call_id="CA1", channel="phone") as call:
        llm = openai.OpenAILLMService(
            api_key="x",
            base_url=f"{server.url}/v1",
            settings=openai.OpenAILLMService.Settings(model="gpt-4o-mini"),
        )
        running = worker.PipelineWorker(
            pipeline.Pipeline([PassOn(), llm, PassOn(), PassOn()]),
            params=worker.PipelineParams(enable_metrics=True, enable_usage_metrics=True),
            observers=[usage_observer(call)],
        )
        said = context.LLMContext([{"role": "user", "content": "Hi"}])
        spoken = metrics.TTSUsageMetricsData(
            processor="CartesiaTTSService#1", model="sonic", value=74
        )
        await running.queue_frames([frames.LLMContextFrame(said), frames.LLMContextFrame(said)])
        await running.queue_frames([frames.MetricsFrame(data=[spoken]), frames.EndFrame()])
        bot = runner.WorkerRunner(handle_sigint=False)
        await bot.add_workers(running)
        await asyncio.wait_for(bot.run(), 30)
    assert call.receipt is not None
    assert server.totals[("llm", "openai", "gpt-4o-mini", "")] == {
        "input_tokens": 112,
        "cached_input_tokens": 56,
        "output_tokens": 44,
    }
    assert server.totals[("tts", "cartesia", "sonic", "")] == {"characters": 74}
    # Three processors told it, each once.
    assert server.totals[("stt", "deepgram", "", "")] == {"audio_seconds": "13.62"}
