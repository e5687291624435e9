//! Providers and servers that speak OpenAI's language under their own address.

use super::Provider;

/// Where Cohere has what it copies of OpenAI's API.
pub(super) const COHERE_PREFIX: &str = "/compatibility/v1";

/// Sorted by name. A local server has no key by custom, and no address but the one that is written.
pub const COMPATIBLE: &[Provider] = &[
    hosted("baseten", "inference.baseten.co", "/v1", "BASETEN_API_KEY"),
    hosted("cerebras", "api.cerebras.ai", "/v1", "CEREBRAS_API_KEY"),
    hosted("cohere", "api.cohere.ai", COHERE_PREFIX, "COHERE_API_KEY"),
    hosted(
        "deepinfra",
        "api.deepinfra.com",
        "/v1/openai",
        "DEEPINFRA_API_KEY",
    ),
    hosted("deepseek", "api.deepseek.com", "/v1", "DEEPSEEK_API_KEY"),
    hosted(
        "fireworks",
        "api.fireworks.ai",
        "/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    hosted("groq", "api.groq.com", "/openai/v1", "GROQ_API_KEY"),
    hosted("huggingface", "router.huggingface.co", "/v1", "HF_TOKEN"),
    hosted("mistral", "api.mistral.ai", "/v1", "MISTRAL_API_KEY"),
    local("ollama", 11434),
    hosted(
        "openrouter",
        "openrouter.ai",
        "/api/v1",
        "OPENROUTER_API_KEY",
    ),
    hosted("together", "api.together.xyz", "/v1", "TOGETHER_API_KEY"),
    hosted("xai", "api.x.ai", "/v1", "XAI_API_KEY"),
];

/// The provider of that name.
pub fn compatible(name: &str) -> Option<&'static Provider> {
    COMPATIBLE.iter().find(|provider| provider.name == name)
}

/// The provider at that host. Servers of one's own have no host to be known by.
pub fn compatible_at(host: &str) -> Option<&'static Provider> {
    let mut hosted = COMPATIBLE.iter().filter(|provider| provider.tls);
    hosted.find(|provider| provider.host.eq_ignore_ascii_case(host))
}

const fn hosted(
    name: &'static str,
    host: &'static str,
    base_path: &'static str,
    key_variable: &'static str,
) -> Provider {
    Provider {
        name,
        host,
        port: 443,
        tls: true,
        base_path,
        key_variable,
        // In OpenAI's words: `upstream_path` puts the base path in the place of `/v1`.
        probe_path: "/v1/models",
    }
}

const fn local(name: &'static str, port: u16) -> Provider {
    Provider {
        name,
        host: "localhost",
        port,
        tls: false,
        base_path: "/v1",
        key_variable: "",
        probe_path: "/v1/models",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_found_by_its_name_and_has_a_proper_address() {
        for provider in COMPATIBLE {
            assert_eq!(compatible(provider.name), Some(provider));
            assert!(provider.base_path.starts_with('/') && !provider.base_path.ends_with('/'));
            assert!(!provider.host.contains(['/', ':']), "{}", provider.name);
            assert!(
                provider.tls != provider.key_variable.is_empty()
                    && provider
                        .key_variable
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b == b'_')
            );
        }
        assert!(COMPATIBLE.is_sorted_by_key(|provider| provider.name));
        assert_eq!(compatible("nobody"), None);
        let groq = compatible_at("API.groq.com").map(|provider| provider.base_path);
        assert_eq!(groq, Some("/openai/v1"));
        assert_eq!(compatible_at("localhost"), None);
    }
}
