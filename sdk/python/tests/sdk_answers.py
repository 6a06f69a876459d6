"""Answers of providers as they are on the wire, and the tokens in them by kind."""

from __future__ import annotations

from typing import Any

CHAT = {"id": "chatcmpl-1", "object": "chat.completion"}

CASES: list[tuple[dict[str, Any], str, dict[str, int], str]] = [
    (
        CHAT
        | {
            "model": "gpt-5",
            "usage": {
                "prompt_tokens": 2000,
                "completion_tokens": 500,
                "total_tokens": 2500,
                "prompt_tokens_details": {"cached_tokens": 1500, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 300, "audio_tokens": 0},
            },
        },
        "openai/chat",
        {"input": 500, "cache_read": 1500, "reasoning": 300, "output": 200},
        "cached is inside the input, reasoning inside the output",
    ),
    (
        CHAT
        | {
            "model": "gpt-4o-audio-preview",
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 80,
                "total_tokens": 180,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 60},
                "completion_tokens_details": {"audio_tokens": 50},
            },
        },
        "openai/chat",
        {"input": 40, "input_audio": 60, "output": 30, "output_audio": 50},
        "audio is inside, and has a price of its own",
    ),
    (
        {
            "object": "response",
            "model": "o3",
            "usage": {
                "input_tokens": 4020,
                "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 3000},
                "output_tokens": 50,
                "output_tokens_details": {"reasoning_tokens": 45},
                "total_tokens": 4070,
            },
        },
        "openai/responses",
        {"input": 20, "cache_read": 1000, "cache_write": 3000, "reasoning": 45, "output": 5},
        "what was written to the cache is inside the input too",
    ),
    (
        {
            "type": "response.done",
            "response": {
                "model": "gpt-realtime",
                "usage": {
                    "total_tokens": 300,
                    "input_tokens": 200,
                    "output_tokens": 100,
                    "input_token_details": {
                        "text_tokens": 120,
                        "audio_tokens": 80,
                        "cached_tokens": 90,
                        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 26},
                    },
                    "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
                },
            },
        },
        "openai/responses",
        {"input": 56, "input_audio": 54, "cache_read": 64, "cache_read_audio": 26,
         "output": 20, "output_audio": 80},
        "realtime tells what of the cached part was audio",
    ),
    (
        {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}},
        "openai/embeddings",
        {"input": 8},
        "embeddings put nothing out",
    ),
    (
        {"model": "gemini-2.5-pro",
         "usage": {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}},
        "google/chat",
        {"input": 35, "output": 12},
        "what only the total knows of is told apart",
    ),
    (
        {
            "type": "message",
            "model": "claude-sonnet-4-5",
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 700,
                "cache_read_input_tokens": 9000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200,
                },
                "output_tokens": 90,
                "output_tokens_details": {"thinking_tokens": 60},
            },
        },
        "anthropic/messages",
        {"input": 10, "cache_read": 9000, "cache_write_5m": 500, "cache_write_1h": 200,
         "output": 30, "reasoning": 60},
        "the cache is beside the input; an hour has a price of its own",
    ),
    (
        {"type": "message", "model": "claude-3-opus", "usage": {
            "input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 30}},
        "anthropic/messages",
        {"input": 10, "cache_write": 30, "output": 5},
        "written for some time that is not told",
    ),
    (
        {
            "modelVersion": "gemini-2.5-flash",
            "usageMetadata": {
                "promptTokenCount": 400,
                "cachedContentTokenCount": 300,
                "toolUsePromptTokenCount": 50,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 70,
                "totalTokenCount": 540,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 250},
                    {"modality": "AUDIO", "tokenCount": 150},
                ],
                "cacheTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 200},
                    {"modality": "AUDIO", "tokenCount": 100},
                ],
            },
        },
        "google/generate",
        {"input": 100, "input_audio": 50, "cache_read": 200, "cache_read_audio": 100,
         "output": 20, "reasoning": 70},
        "tools and thoughts are beside what they belong to",
    ),
    (
        {"usage": {"inputTokens": 3, "outputTokens": 288, "totalTokens": 2365,
                   "cacheReadInputTokens": 0, "cacheWriteInputTokens": 2074,
                   "cacheDetails": [{"inputTokens": 2074, "ttl": "1h"}]}},
        "bedrock/converse",
        {"input": 3, "cache_write_1h": 2074, "output": 288},
        "the total bears out that the cache is beside the input",
    ),
    (
        {"usage": {"inputTokens": 100, "outputTokens": 5, "totalTokens": 105,
                   "cacheReadInputTokens": 60}},
        "bedrock/converse",
        {"input": 40, "cache_read": 60, "output": 5},
        "or that it is inside",
    ),
    (
        {"generation": "Hi", "prompt_token_count": 12, "generation_token_count": 3,
         "stop_reason": "stop"},
        "bedrock/invoke",
        {"input": 12, "output": 3},
        "Llama, invoked: it names its prompt as Google does, and is not Google's",
    ),
    (
        {"inputTextTokenCount": 5, "results": [{"tokenCount": 7, "outputText": "Hello"}]},
        "bedrock/invoke",
        {"input": 5, "output": 7},
        "Titan, invoked",
    ),
    (
        {"embedding": [0.1, 0.2], "inputTextTokenCount": 5},
        "bedrock/embeddings",
        {"input": 5},
        "Titan's embeddings leave nothing",
    ),
    (
        {"content": "Hi", "usage_metadata": {
            "input_tokens": 350, "output_tokens": 240, "total_tokens": 590,
            "input_token_details": {"audio": 10, "cache_creation": 200, "cache_read": 100},
            "output_token_details": {"audio": 10, "reasoning": 200}}},
        "openai-compatible/responses",
        {"input": 40, "input_audio": 10, "cache_read": 100, "cache_write": 200, "output": 30,
         "output_audio": 10, "reasoning": 200},
        "a message of LangChain names its usage as Google does, and its parts by shorter names",
    ),
    (
        {"id": "c1", "usage": {"billed_units": {"input_tokens": 5.0, "output_tokens": 7.0},
                               "tokens": {"input_tokens": 71.0, "output_tokens": 9.0}}},
        "cohere/chat",
        {"input": 5, "output": 7},
        "what is billed, not what was worked through",
    ),
    (
        {"model": "mistral-large-latest",
         "usage": {"prompt_tokens": 70, "completion_tokens": 12, "total_tokens": 82,
                   "num_cached_tokens": 64}},
        "mistral/chat",
        {"input": 6, "cache_read": 64, "output": 12},
        "cached is inside",
    ),
    (
        {"model": "deepseek-reasoner",
         "usage": {"prompt_tokens": 563, "completion_tokens": 116, "total_tokens": 679,
                   "prompt_cache_hit_tokens": 512, "prompt_cache_miss_tokens": 51,
                   "prompt_tokens_details": {"cached_tokens": 512},
                   "completion_tokens_details": {"reasoning_tokens": 60}}},
        "deepseek/chat",
        {"input": 51, "cache_read": 512, "output": 56, "reasoning": 60},
        "told in two places, counted once",
    ),
    (
        {"model": "grok-4",
         "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                   "completion_tokens_details": {"reasoning_tokens": 94}}},
        "xai/chat",
        {"input": 32, "output": 9, "reasoning": 94},
        "reasoning is beside the completion, as the total shows",
    ),
    (
        {"model": "grok-4",
         "usage": {"prompt_tokens": 32, "completion_tokens": 9,
                   "completion_tokens_details": {"reasoning_tokens": 4}}},
        "xai/chat",
        {"input": 32, "output": 9, "reasoning": 4},
        "also where no total shows it",
    ),
    (
        {"model": "x-ai/grok-4", "provider": "xAI",
         "usage": {"prompt_tokens": 687, "completion_tokens": 240, "total_tokens": 927,
                   "completion_tokens_details": {"reasoning_tokens": 165}}},
        "openrouter/chat",
        {"input": 687, "output": 75, "reasoning": 165},
        "the same model elsewhere: inside, as the total shows",
    ),
    (
        {"model": "sonar-deep-research",
         "usage": {"prompt_tokens": 7, "completion_tokens": 100, "total_tokens": 107,
                   "reasoning_tokens": 900, "citation_tokens": 40, "num_search_queries": 3,
                   "search_context_size": "low"}},
        "perplexity/chat",
        {"input": 7, "output": 100, "reasoning": 900},
        "deep research thinks beside what it says",
    ),
    (
        {"model": "llama-3.3-70b", "x_groq": {"id": "r"},
         "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11,
                   "queue_time": 0.1}},
        "groq/chat",
        {"input": 5, "output": 6},
        "times are no tokens",
    ),
    (
        {"model": "voyage-3", "usage": {"total_tokens": 12}},
        "voyageai/embeddings",
        {"input": 12},
        "a total that is all input",
    ),
    (
        {"model": "llama3.2", "done": True, "prompt_eval_count": 26, "eval_count": 298},
        "ollama/chat",
        {"input": 26, "output": 298},
        "counts at the top of the body",
    ),
    (
        {"model": "openai.gpt-oss-120b-1:0",
         "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}},
        "bedrock/chat",
        {"input": 5, "output": 6},
        "Bedrock in the dialect of the model's maker",
    ),
    (
        {"model": "some-model",
         "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}},
        "openai-compatible/chat",
        {"input": 5, "output": 6},
        "nobody knows whose, but it can be read",
    ),
]  # fmt: skip
"""Body, provider and interface, parts, why."""

STREAMS: list[tuple[list[dict[str, Any]], dict[str, int], str]] = [
    (
        [
            {"model": "gpt-4o", "choices": [{}], "usage": None},
            {"model": "gpt-4o", "choices": [], "usage": {
                "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}},
        ],
        {"input": 9, "output": 4},
        "the last chunk tells",
    ),
    (
        [
            {"generation": "H", "prompt_token_count": 26, "generation_token_count": 1},
            {"generation": "i", "prompt_token_count": None, "generation_token_count": 2},
        ],
        {"input": 26, "output": 2},
        "Llama, invoked: what it leaves is a running total",
    ),
    (
        [
            {"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": {
                "input_tokens": 25, "cache_read_input_tokens": 100, "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"text": "…"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
             "usage": {"output_tokens": 15}},
        ],
        {"input": 25, "cache_read": 100, "output": 15},
        "input at the start, output running on",
    ),
    (
        [
            {"modelVersion": "gemini-2.5-flash", "usageMetadata": {
                "promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}},
            {"modelVersion": "gemini-2.5-flash", "usageMetadata": {
                "promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13}},
        ],
        {"input": 4, "output": 9},
        "running totals, not to be added up",
    ),
    (
        [
            {"type": "response.created", "response": {"model": "gpt-5", "usage": None}},
            {"type": "response.completed", "response": {"model": "gpt-5", "usage": {
                "input_tokens": 7, "output_tokens": 3, "total_tokens": 10}}},
        ],
        {"input": 7, "output": 3},
        "inside the event that completes it",
    ),
    (
        [
            {"contentBlockDelta": {}},
            {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}}},
        ],
        {"input": 7, "output": 3},
        "in the metadata at the end",
    ),
    (
        [{"type": "message-end", "delta": {"usage": {
            "billed_units": {"input_tokens": 7, "output_tokens": 3}}}}],
        {"input": 7, "output": 3},
        "in what ends the message",
    ),
]  # fmt: skip
"""Chunks, parts, why."""
